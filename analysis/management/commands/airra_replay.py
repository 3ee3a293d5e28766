"""`manage.py airra_replay ID`: one investigation again, from its rows, byte for byte."""

from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from analysis.commands.replay import CannotReplay, replay
from analysis.models import Investigation


class Command(BaseCommand):
    help = (
        "Plays an investigation again from its rows: the models' answers come from the record and "
        "the sources' from the ledger, so nothing is sent. A request that was never recorded fails "
        "with its difference, and so does another end. Exits with 1 then."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("investigation_id")

    def handle(self, *_: Any, **given: Any) -> None:
        try:
            made = Investigation.objects.select_related("incident").get(
                pk=given["investigation_id"]
            )
            done = replay(investigation=made)
        except (Investigation.DoesNotExist, ValidationError) as error:
            msg = f"there is no investigation {given['investigation_id']}"
            raise CommandError(msg) from error
        except CannotReplay as error:
            raise CommandError(str(error)) from error
        for difference in done.differences:
            self.stdout.write(difference)
        told = f"{made.incident.key}: {done.calls} recorded calls"
        if done.differences:
            msg = f"{told}, and {len(done.differences)} differences"
            raise CommandError(msg)
        self.stdout.write(f"{told}, played again byte for byte; the settlement is the same")
