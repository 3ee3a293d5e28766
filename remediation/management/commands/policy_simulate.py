"""What other rules would have decided, as text: the simulator without its page."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from incidents.models import Workspace
from remediation.commands.limits import rules_of_policy
from remediation.decision.rules import BadRules, Rules, loosenings, rules_of
from remediation.models import Policy
from remediation.queries.simulation import Simulation, simulate
from remediation.types import Decision


class Command(BaseCommand):
    help = "Try rules on what policy was asked in the last days. Changes and sends nothing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--days", type=int, default=30)
        parser.add_argument("--workspace", default="default", help="Its short name.")
        parser.add_argument(
            "--policy", default="", help="A JSON file as --show prints it; without: that in force."
        )
        parser.add_argument(
            "--show", action="store_true", help="Print the rules in force as JSON, and stop."
        )

    def handle(self, *_: Any, **options: Any) -> None:
        place = Workspace.objects.filter(slug=options["workspace"]).first()
        if place is None:
            msg = f"there is no workspace {options['workspace']!r}"
            raise CommandError(msg)
        policy = Policy.objects.filter(workspace=place).first() or Policy(workspace=place)
        present = rules_of_policy(policy)
        if options["show"]:
            self.stdout.write(json.dumps(present.as_json(), indent=2))
            return
        if not 1 <= options["days"] <= 365:
            msg = "--days is a number from 1 to 365"
            raise CommandError(msg)
        rules = self._read(options["policy"]) if options["policy"] else present
        found = loosenings(present, rules)
        for text in found:
            self.stdout.write(f"loosens: {text}")
        self._tell(simulate(place, rules, days=options["days"]))

    def _read(self, path: str) -> Rules:
        try:
            said = json.loads(Path(path).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            msg = f"{path} cannot be read as JSON: {error}"
            raise CommandError(msg) from error
        if not isinstance(said, dict):
            msg = f"{path}: needs an object"
            raise CommandError(msg)
        try:
            return rules_of(said)
        except BadRules as error:
            msg = f"{path}: {error}"
            raise CommandError(msg) from error

    def _tell(self, found: Simulation) -> None:
        write = self.stdout.write
        for row in found.rows:
            mark = {"same": " ", "looser": "-", "stricter": "+"}[row.change]
            write(
                f"{mark} {row.at:%Y-%m-%d %H:%M} {row.incident:8} {row.title[:40]:40} "
                f"{row.band:8} {row.was} -> {row.would}; {row.done}; {row.ended}; "
                f"cause: {row.cause}"
            )
        write(f"{len(found.rows)} questions in {found.days} days")
        for was, counts in found.crossings:
            told = ", ".join(f"{n} {d}" for n, d in zip(counts, Decision, strict=True))
            write(f"  decided {was}: would be {told}")
        write(f"  fewer people: {found.looser}, of which ended badly: {found.looser_and_bad}")
        write(f"  more people: {found.stricter}, of which helped: {found.stricter_and_good}")
        if found.unknown:
            write(f"  left out, facts not stored: {found.unknown}")
