"""The kill switch from a shell of the server: on, off, status."""

import getpass
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from incidents.models import Workspace
from remediation.commands import stops
from remediation.commands.refusal import Refused
from remediation.models import KillSwitch
from remediation.queries import stops as told


class Command(BaseCommand):
    help = "Stop AIRRA from acting, let it go on, or tell what is stopped."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("do", choices=["on", "off", "status"])
        parser.add_argument(
            "--scope",
            default="all",
            help="all, environment=NAME, kind=NAME or endpoint=NAME; default: all.",
        )
        parser.add_argument(
            "--workspace", default="", help="Its short name; without it, the whole installation."
        )
        parser.add_argument("--reason", default="", help="Why. Needed for on and off.")

    def handle(self, *_: Any, **options: Any) -> None:
        if options["do"] == "status":
            self._status()
            return
        workspace = self._workspace(options["workspace"])
        scope, _, value = options["scope"].partition("=")
        actor = f"{getpass.getuser()} (shell)"
        try:
            if options["do"] == "on":
                switch = stops.stop(
                    workspace=workspace,
                    scope=scope,
                    value=value,
                    reason=options["reason"],
                    actor=actor,
                )
                self.stdout.write(f"on: {switch}")
                return
            found = self._on(workspace, scope, value)
            stops.start_again(switch=found, reason=options["reason"], actor=actor)
        except Refused as refused:
            raise CommandError(str(refused)) from refused
        self.stdout.write(f"off: {found}")
        self._status()

    def _workspace(self, slug: str) -> Workspace | None:
        if not slug:
            return None
        found = Workspace.objects.filter(slug=slug).first()
        if found is None:
            names = ", ".join(Workspace.objects.values_list("slug", flat=True))
            msg = f"there is no workspace {slug!r}; one of {names}"
            raise CommandError(msg)
        return found

    def _on(self, workspace: Workspace | None, scope: str, value: str) -> KillSwitch:
        for switch in KillSwitch.objects.on().filter(workspace=workspace, scope=scope):
            if value in {switch.value, told.value_in_words(switch)}:
                return switch
        msg = "no such switch is on; see: manage.py kill status"
        raise CommandError(msg)

    def _status(self) -> None:
        said = told.file_reason()
        if said:
            self.stdout.write(f"everything is stopped by the file {settings.KILL_FILE}: {said}")
        for switch in KillSwitch.objects.on().select_related("workspace"):
            where = switch.workspace.slug if switch.workspace else "the whole installation"
            what = told.in_words(switch)
            self.stdout.write(
                f"{what} of {where} is stopped since {switch.since:%Y-%m-%d %H:%M} UTC "
                f"by {switch.actor}: {switch.reason}"
            )
        if not said and not KillSwitch.objects.on().exists():
            self.stdout.write("nothing is stopped")
