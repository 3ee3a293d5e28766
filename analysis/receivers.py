"""Upward news: an opened incident is investigated. Receivers do nothing but enqueue."""

from typing import Any

from airra.lib.jobs import Job, enqueue
from incidents.models import Incident
from incidents.signals import incident_opened


def _investigate(*, incident: Incident, **_: Any) -> None:
    enqueue(Job.INVESTIGATE, incident_id=str(incident.pk))


def connect() -> None:
    incident_opened.connect(_investigate, dispatch_uid="investigate-opened-incident")
