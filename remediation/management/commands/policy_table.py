"""Prints docs/reference/policy.md from the policy itself."""

from typing import Any

from django.core.management.base import BaseCommand

from remediation.decision.table import page


class Command(BaseCommand):
    help = "Print the truth table of policy, as docs/reference/policy.md holds it."

    def handle(self, *_: Any, **__: Any) -> None:
        self.stdout.write(page(), ending="")
