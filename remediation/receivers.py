"""Upward news: a settled investigation is planned for. Receivers do nothing but enqueue."""

from typing import Any

from airra.lib.jobs import Job, enqueue
from analysis.models import Investigation
from analysis.signals import investigation_settled


def _plan(*, investigation: Investigation, **_: Any) -> None:
    enqueue(Job.PLAN, investigation_id=str(investigation.pk))


def connect() -> None:
    investigation_settled.connect(_plan, dispatch_uid="plan-settled-investigation")
