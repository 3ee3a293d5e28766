"""What people have written down for the hard cases."""

from dataclasses import dataclass

from django.db.models import Q

from incidents.models import Service
from remediation.models import Runbook


@dataclass(frozen=True)
class RunbookRow:
    runbook: Runbook
    steps: list[str]


def for_service(service: Service) -> list[RunbookRow]:
    """The published runbooks of this service, then those for any."""
    found = Runbook.objects.filter(
        Q(service=service) | Q(service__isnull=True),
        workspace=service.workspace_id,
        is_published=True,
    ).order_by("service", "title")
    return [
        RunbookRow(book, [line.strip() for line in book.steps.splitlines() if line.strip()])
        for book in found
    ]
