"""Upward news: a settled investigation is planned for; and runbooks, for who asks from below."""

from typing import Any

from airra.lib.jobs import Job, enqueue
from analysis.models import Investigation
from analysis.signals import investigation_settled, runbooks_asked
from incidents.models import Service, Workspace
from remediation.queries import runbooks


def _plan(*, investigation: Investigation, **_: Any) -> None:
    enqueue(Job.PLAN, investigation_id=str(investigation.pk))


def _runbooks(*, workspace: Workspace, service: str, **_: Any) -> list[tuple[str, list[str]]]:
    """The published runbooks of a service, as titles and steps."""
    found = Service.objects.filter(workspace=workspace, name=service).first()
    rows = runbooks.for_service(found) if found else []
    return [(row.runbook.title, row.steps) for row in rows]


def connect() -> None:
    investigation_settled.connect(_plan, dispatch_uid="plan-settled-investigation")
    runbooks_asked.connect(_runbooks, dispatch_uid="runbooks-of-a-service")
