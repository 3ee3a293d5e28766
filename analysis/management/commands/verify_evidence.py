"""`manage.py verify_evidence`: whether the ledgers of evidence are as they were written."""

from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from airra.lib import clock
from analysis.models import Investigation
from analysis.queries.chain import verify_chain


class Command(BaseCommand):
    help = (
        "Recomputes the hash chain of each investigation's ledger and compares it with what its "
        "settlement noted in the audit log. Names what was touched and then exits with 1."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--days", type=int, default=30, help="of investigations, newest first")

    def handle(self, *_: Any, **given: Any) -> None:
        since = clock.now() - timedelta(days=given["days"])
        found = Investigation.objects.filter(created_at__gte=since).select_related("incident")
        rows, broken = 0, 0
        for investigation in found.order_by("-created_at").iterator():
            chain = verify_chain(investigation)
            rows += chain.rows
            broken += not chain.is_intact
            for problem in chain.problems:
                self.stdout.write(f"{investigation.incident.key} {investigation.pk}: {problem}")
        told = f"{rows} rows of evidence in {found.count()} investigations"
        if broken:
            msg = f"{told}: {broken} were touched"
            raise CommandError(msg)
        self.stdout.write(f"{told}: all as they were written")
