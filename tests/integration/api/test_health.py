"""Whether the process lives, whether it can work, and what it counts: for machines."""

from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.core.cache import cache
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client, override_settings
from django.urls import reverse

from airra.lib import clock, heartbeat
from incidents.commands.delivery import sweep

pytestmark = pytest.mark.django_db
FORGETFUL = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}
BROKEN = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": "redis://127.0.0.1:9",
    }
}


def asked(name: str = "ready") -> tuple[int, dict[str, Any]]:
    answer = Client().get(reverse(name))
    return answer.status_code, answer.json()


def test_the_process_answers() -> None:
    assert asked("health") == (200, {"status": "ok"})


def test_with_all_it_needs_it_is_ready() -> None:
    status, said = asked()
    assert (status, said["status"]) == (200, "ready")
    assert said["checks"] == dict.fromkeys(("database", "migrations", "cache", "broker"), "ok")


def test_a_migration_that_is_missing_is_named() -> None:
    (newest,) = MigrationLoader(connection).graph.leaf_nodes("analysis")
    MigrationRecorder(connection).record_unapplied(*newest)
    status, said = asked()
    assert (status, said["status"]) == (503, "not ready")
    assert said["checks"]["migrations"] == "1 to apply: run manage.py migrate"
    assert said["checks"]["database"] == "ok"


@override_settings(CACHES=FORGETFUL)
def test_a_cache_that_forgets_is_named() -> None:
    status, said = asked()
    assert (status, said["checks"]["cache"]) == (503, "the cache forgets at once")
    assert asked("health")[0] == 200, "a restart would not mend the cache"


@override_settings(CACHES=BROKEN)
def test_a_cache_that_is_away_is_named() -> None:
    status, said = asked()
    assert status == 503
    assert said["checks"]["cache"].startswith("ConnectionError: ")
    assert said["checks"]["database"] == "ok"


def test_a_silent_beat_is_told_and_not_required(hands: clock.Hands) -> None:
    cache.clear()
    assert asked()[1]["beat"] == "no sweep has run since the cache began"
    sweep()
    assert asked()[1]["beat"] == "ok"
    hands.advance(seconds=settings.SWEEP_INTERVAL_S * 6)
    assert asked()[1]["beat"] == "ok"
    hands.advance(seconds=1)
    status, said = asked()
    assert status == 200
    assert said["beat"] == f"the last sweep ran {settings.SWEEP_INTERVAL_S * 6 + 1} s ago"
    assert heartbeat.last() == clock.now() - timedelta(seconds=settings.SWEEP_INTERVAL_S * 6 + 1)


@pytest.mark.parametrize("name", ["health", "ready"])
def test_they_are_read_only(name: str) -> None:
    assert Client().post(reverse(name)).status_code == 405
    assert Client().head(reverse(name)).status_code == 200


def test_our_own_counters_are_on_metrics() -> None:
    sweep()
    answer = Client().get(reverse("metrics"))
    assert answer.status_code == 200
    told = answer.content.decode()
    for name in (
        "airra_deliveries_total",
        "airra_incidents_opened_total",
        "airra_approvals_total",
        "airra_executions_total",
        "django_http_requests_total_by_method_total",
    ):
        assert f"# TYPE {name} counter" in told
    assert f'airra_heartbeat_timestamp_seconds{{app="incidents"}} {clock.now().timestamp():.0e}'[
        :40
    ]
