"""Jobs are enqueued by name, after commit, and a lost broker is no error."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from celery import current_app
from django.db import transaction
from pytest_django import DjangoCaptureOnCommitCallbacks

from airra.lib.jobs import Job, enqueue, job

pytestmark = pytest.mark.django_db
ran: list[str] = []


def test_nothing_runs_before_commit_and_nothing_after_rollback(
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ran.clear()

    def note(word: str) -> None:
        ran.append(word)

    current_app.loader.import_default_modules()
    task = current_app.task(name="tests.note", ignore_result=True)(note)
    monkeypatch.setitem(current_app.tasks, Job.PROBE.value, task)
    with django_capture_on_commit_callbacks(execute=True):
        enqueue(Job.PROBE, word="kept")
        assert ran == []
        with transaction.atomic():
            enqueue(Job.PROBE, word="rolled back")
            transaction.set_rollback(True)
    assert ran == ["kept"]


def test_an_unknown_queue_is_refused_at_import() -> None:
    with pytest.raises(ValueError, match="unknown queue"):
        job(Job.SCAN, queue="fast")


def test_every_thread_has_our_application() -> None:
    """Celery keeps the current application per thread, and a web thread has set none."""
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(lambda: current_app.main).result() == "airra"
