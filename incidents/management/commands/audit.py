"""`manage.py audit`: verify the chain, sign where it is, show the key that signs, erase a text."""

import getpass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from airra.lib import signing
from incidents.commands import audit_erasure, audit_keeping
from incidents.models.audit import SEALED
from incidents.queries.audit_anchors import anchors_in
from incidents.queries.audit_chain import Report, verify

_TOLD = 20


class Command(BaseCommand):
    help = "The hash chain of the audit record: check it, sign it, show the key."

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        check = verbs.add_parser("verify", help="exit 1 and name the first row that is wrong")
        check.add_argument("--from-seq", type=int, default=1, help="begin at this row")
        check.add_argument(
            "--checkpoints",
            type=Path,
            action="append",
            default=[],
            metavar="FILE",
            help="JSON lines that were exported; best a copy that this machine cannot write",
        )
        check.add_argument(
            "--public-key",
            action="append",
            default=[],
            metavar="KEY",
            help="trust this key, in base64, instead of the one of this installation",
        )
        erase = verbs.add_parser("erase", help="take personal data out of rows; the chain holds")
        erase.add_argument("--rows", type=int, nargs="+", required=True, metavar="N")
        erase.add_argument("--fields", nargs="+", required=True, choices=SEALED)
        erase.add_argument("--reason", required=True)
        verbs.add_parser("checkpoint", help="sign where the chain is now, and export it")
        verbs.add_parser("key", help="the public key that checks checkpoints")

    def handle(self, *_: Any, **given: Any) -> None:
        try:
            getattr(self, given["verb"])(given)
        except signing.BadKey as error:
            raise CommandError(str(error)) from error

    def key(self, _: dict[str, Any]) -> None:
        found = signing.signing_key()
        self.stdout.write(f"{found.public}  {found.key_id}")
        if found.is_derived:
            self.stderr.write(
                "Derived from AIRRA_SECRET_KEY: whoever has that one can sign as well. "
                "Set AIRRA_AUDIT_KEY for a key of its own."
            )

    def erase(self, given: dict[str, Any]) -> None:
        try:
            count = audit_erasure.erase(
                rows=given["rows"],
                fields=given["fields"],
                reason=given["reason"],
                actor=f"console ({getpass.getuser()})",
            )
        except ValueError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"erased {', '.join(given['fields'])} of {count} rows")

    def checkpoint(self, _: dict[str, Any]) -> None:
        made = audit_keeping.checkpoint()
        if made is None:
            self.stdout.write("the chain is empty: nothing to sign")
            return
        self.stdout.write(f"row {made.seq}, {made.hash}, signed by {made.key_id}")
        try:
            sent = audit_keeping.export()
        except audit_keeping.CannotExport as error:
            raise CommandError(str(error)) from error
        if sent:
            self.stdout.write(f"exported {sent}")
        elif not settings.AUDIT_EXPORT_DIR and not settings.AUDIT_EXPORT_URL:
            self.stderr.write(
                "It is in the database alone: set AIRRA_AUDIT_EXPORT_DIR or AIRRA_AUDIT_EXPORT_URL."
            )

    def verify(self, given: dict[str, Any]) -> None:
        if given["from_seq"] < 1:
            msg = "--from-seq: rows are counted from 1"
            raise CommandError(msg)
        files = given["checkpoints"]
        anchors = (
            (anchor for path in files for anchor in anchors_in(path))
            if files
            else audit_keeping.exported_anchors()
        )
        trusted = given["public_key"] or audit_keeping.trusted_keys()
        try:
            report = verify(from_seq=given["from_seq"], anchors=anchors, trusted=trusted)
        except OSError as error:
            msg = f"cannot read {error.filename}: {error.strerror}"
            raise CommandError(msg) from error
        self._tell(report)
        if given["from_seq"] == 1:
            audit_keeping.keep(report)
        if not report.is_intact:
            msg = f"broken, first at {report.problems[0]}"
            raise CommandError(msg, returncode=1)

    def _tell(self, report: Report) -> None:
        self.stdout.write(
            f"rows {report.from_seq} to {report.to_seq}: {report.rows} checked in "
            f"{report.seconds:.1f} s ({report.rows_per_s:.0f} rows/s); "
            f"{report.checkpoints} checkpoints"
        )
        if report.erased:
            self.stdout.write(
                f"{len(report.erased)} rows had a part erased, each told by a later row"
            )
        if report.from_seq > 1:
            self.stdout.write(
                f"rows before {report.from_seq} were not looked at; their links are taken on trust"
            )
        if report.is_intact and report.anchored_seq < report.to_seq:
            self.stdout.write(
                f"no checkpoint is later than row {report.anchored_seq}: if rows after row "
                f"{report.to_seq} had been cut off, head and all, only a checkpoint could tell"
            )
        for problem in report.problems[:_TOLD]:
            self.stdout.write(str(problem))
        if report.is_intact:
            self.stdout.write("intact")
