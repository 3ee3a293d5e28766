"""That a job is held is asked once by a burst, however many threads answer it."""

from collections.abc import Iterator
from typing import Any

import pytest
from celery import current_app
from django.core.cache.backends.locmem import LocMemCache
from pytest_django import Settings

from airra.lib.jobs import Job, enqueue_once

pytestmark = pytest.mark.django_db(transaction=True)
asked: list[str] = []


class Slow(LocMemCache):
    """While one asks, the next delivery is answered; the job is always held."""

    def add(self, key: str, *_: Any, **__: Any) -> bool:
        asked.append(key)
        if len(asked) < 5:
            enqueue_once(Job.DRAIN_DELIVERIES, workspace_id="asked-once")
        return False


@pytest.fixture
def workers_elsewhere() -> Iterator[None]:
    current_app.conf.task_always_eager = False
    yield
    current_app.conf.task_always_eager = True


def test_whoever_comes_while_one_asks_relies_on_it(
    workers_elsewhere: None, settings: Settings
) -> None:
    where = f"{Slow.__module__}.{Slow.__qualname__}"
    settings.CACHES = {"default": {"BACKEND": where, "LOCATION": "asked-once"}}
    enqueue_once(Job.DRAIN_DELIVERIES, workspace_id="asked-once")
    assert len(asked) == 1
