"""Whether the process lives, and whether it can work."""

from collections.abc import Callable
from datetime import timedelta

from celery import current_app
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.core.cache import cache
from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe

from airra.lib import clock, heartbeat
from incidents.queries.audit_status import status

_SWEEPS_MISSED = 6


@login_not_required
@require_safe
def health(_: HttpRequest) -> JsonResponse:
    """The process answers. Says nothing of what it depends on: a restart would not mend that."""
    return JsonResponse({"status": "ok"})


@login_not_required
@require_safe
def ready(_: HttpRequest) -> JsonResponse:
    """503 names what is missing: the database, its migrations, the cache or the broker.

    Beat and the audit chain are told and not required: pages and webhooks work without the one,
    nothing gets lost, and a restart mends neither.
    """
    checks = {
        "database": _said(_database),
        "migrations": _said(_migrations),
        "cache": _said(_cache),
        "broker": _said(_broker),
    }
    is_ready = all(said == "ok" for said in checks.values())
    body = {"status": "ready" if is_ready else "not ready", "checks": checks, "beat": _said(_beat)}
    body["audit"] = _said(lambda: str(status()))
    return JsonResponse(body, status=200 if is_ready else 503)


def _said(check: Callable[[], str]) -> str:
    try:
        return check()
    except Exception as error:  # noqa: BLE001 - whatever is wrong, the answer names it
        return f"{type(error).__name__}: {error}"[:200]


def _database() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return "ok"


def _migrations() -> str:
    try:
        executor = MigrationExecutor(connection)
    except Error:
        return "the database does not answer"
    missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return f"{len(missing)} to apply: run manage.py migrate" if missing else "ok"


def _cache() -> str:
    cache.set("airra:ready", "yes", timeout=60)
    return "ok" if cache.get("airra:ready") == "yes" else "the cache forgets at once"


def _broker() -> str:
    with current_app.connection_for_write() as broker:
        broker.ensure_connection(max_retries=1, timeout=2)
    return "ok"


def _beat() -> str:
    last = heartbeat.last()
    if last is None:
        return "no sweep has run since the cache began"
    age = clock.now() - last
    allowed = timedelta(seconds=settings.SWEEP_INTERVAL_S * _SWEEPS_MISSED)
    return "ok" if age <= allowed else f"the last sweep ran {age.total_seconds():.0f} s ago"
