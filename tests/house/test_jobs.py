"""Jobs: every name has its task and its queue, and what changes production is never tried twice."""

import ast
from pathlib import Path

import pytest
from celery import current_app
from django.conf import settings

from airra.lib import jobs
from airra.lib.jobs import QUEUES, Job

ROOT = Path(__file__).resolve().parents[2]
APPS = ("incidents", "analysis", "remediation")


@pytest.fixture(autouse=True)
def tasks_are_loaded() -> None:
    current_app.loader.import_default_modules()


def ours() -> set[str]:
    """The tasks of our own modules that are registered; Celery brings some of its own."""
    return {
        name for name, task in current_app.tasks.items() if task.__module__.split(".")[0] in APPS
    }


def test_every_job_has_a_task_and_every_task_is_a_job() -> None:
    assert ours() == {job.value for job in Job}


def test_a_job_is_named_after_the_app_whose_task_it_is() -> None:
    for job in Job:
        assert current_app.tasks[job.value].__module__ == f"{job.value.split('.')[0]}.tasks"


def test_what_beat_wakes_exists_and_every_sweep_is_woken() -> None:
    woken = {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()}
    assert woken <= {job.value for job in Job}
    periodic = {job.value for job in Job if job.value.endswith((".sweep", ".scan"))}
    assert woken == periodic


def test_every_job_has_a_queue_that_a_worker_reads() -> None:
    assert set(jobs._queue_of) == set(Job)
    assert set(jobs._queue_of.values()) <= set(QUEUES)
    assert settings.CELERY_TASK_DEFAULT_QUEUE in QUEUES


def test_jobs_that_act_are_acknowledged_before_they_begin_and_no_others() -> None:
    """A worker that dies in the middle of an effect leaves it unknown, never to be sent again."""
    early = {job for job in Job if not current_app.tasks[job.value].acks_late}
    assert early == {job for job in Job if jobs._queue_of[job] == "act"}
    assert Job.EXECUTE in early


def test_no_task_retries_by_itself() -> None:
    """The sweep does: it reads the row first."""
    for job in Job:
        assert not getattr(current_app.tasks[job.value], "autoretry_for", ())


@pytest.mark.parametrize("app", APPS)
def test_every_task_takes_ids_by_name(app: str) -> None:
    tree = ast.parse((ROOT / app / "tasks.py").read_text(encoding="utf-8"))
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    assert functions
    for function in functions:
        assert not function.args.args, f"{function.name}: arguments of a job are keyword-only"
        names = [arg.arg for arg in function.args.kwonlyargs]
        assert all(name.endswith(("_id", "_ids", "_at")) for name in names), function.name
