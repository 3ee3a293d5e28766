"""What keeps the audit chain honest over time: signed checkpoints that leave, and a nightly check.

A superuser of the database can rewrite a chain from any point on; not a signed line that has
already left. Everything here may be called by several processes at once.
"""

import fcntl
import os
from collections.abc import Iterable, Sequence
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import structlog
from django.conf import settings
from django.core.cache import cache
from django.db import DatabaseError, IntegrityError, transaction

from airra.lib import clock, hashchain, metrics, signing
from airra.lib.http import HttpClient, HttpError
from airra.lib.jobs import Job, enqueue
from incidents.models import AuditCheckpoint, AuditHead, AuditVerification
from incidents.models.audit import statement
from incidents.queries.audit_anchors import Anchor, anchors_in, line_of
from incidents.queries.audit_chain import Report, verify

log = structlog.get_logger(__name__)

EVERY = timedelta(hours=1)
EVERY_ROWS = 1_000
CHECK_EVERY = timedelta(hours=24)
_AT_ONCE = 200  # of those that could not be exported before
_TOLD = 20
_ASKED = "airra:audit-check-asked"


class CannotExport(Exception):
    """A place that should keep checkpoints did not take them; the message says which and why."""


def tend() -> None:
    """What the sweep does: a checkpoint when one is due, exports that are owed, the nightly check.

    A key or a disk that fails is told in the log and on the metrics, and stops nothing else.
    """
    try:
        if is_due():
            checkpoint()
        export()
    except (signing.BadKey, CannotExport) as error:
        metrics.AUDIT_EXPORT_FAILURES.inc()
        log.error("audit_checkpoint_failed", error=str(error))
    if _check_is_due() and cache.add(_ASKED, "yes", timeout=3600):  # it may run for long
        enqueue(Job.VERIFY_AUDIT)


def is_due() -> bool:
    """An hour or a thousand rows after the last one, if anything was written since."""
    head = AuditHead.objects.filter(pk=1).first()
    last = AuditCheckpoint.objects.last()
    if head is None or head.seq == 0 or (last is not None and last.seq >= head.seq):
        return False
    return last is None or head.seq - last.seq >= EVERY_ROWS or clock.now() - last.at >= EVERY


def checkpoint() -> AuditCheckpoint | None:
    """Sign where the chain is now and store it; None when it is empty. Raises `BadKey`.

    At the same row as the last one nothing new is signed: that one is returned.
    """
    head = AuditHead.objects.filter(pk=1, seq__gt=0).first()
    if head is None:
        return None
    key = signing.signing_key()
    at = clock.now()
    told = statement(chain=head.chain, seq=head.seq, hash_=head.hash, at=at, key_id=key.key_id)
    signature = key.sign(hashchain.canonical(told))
    try:
        with transaction.atomic():
            made = AuditCheckpoint.objects.create(
                seq=head.seq,
                hash=head.hash,
                chain=head.chain,
                at=at,
                key_id=key.key_id,
                signature=signature,
            )
    except IntegrityError:  # another process was faster
        return AuditCheckpoint.objects.get(seq=head.seq)
    metrics.AUDIT_CHECKPOINT.set(made.seq)
    log.info("audit_checkpoint", **told, signature=signature)
    return made


def export() -> int:
    """Hand every checkpoint that is owed to each configured place; how many. Raises `CannotExport`.

    At least once: after a failure a place may get a line again, which does no harm.
    """
    if not settings.AUDIT_EXPORT_DIR and not settings.AUDIT_EXPORT_URL:
        return 0
    owed = list(AuditCheckpoint.objects.filter(exported_at=None).order_by("seq")[:_AT_ONCE])
    if not owed:
        return 0
    if settings.AUDIT_EXPORT_DIR:
        _append(export_file(owed[-1].chain), [line_of(row) for row in owed])
    if settings.AUDIT_EXPORT_URL:
        _post(settings.AUDIT_EXPORT_URL, [line_of(row) for row in owed])
    pks = [row.pk for row in owed]
    AuditCheckpoint.objects.filter(pk__in=pks).update(exported_at=clock.now())
    return len(owed)


def export_file(chain: str) -> Path:
    return Path(settings.AUDIT_EXPORT_DIR) / f"airra-audit-{chain[:12]}.jsonl"


def _append(path: Path, lines: Sequence[str]) -> None:
    """Appended, whole lines, on the disk before this returns; a torn last line is closed first."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            end = file.seek(0, os.SEEK_END)
            file.seek(max(end - 1, 0))
            opening = "" if file.read(1) in {b"", b"\n"} else "\n"
            file.write((opening + "".join(f"{line}\n" for line in lines)).encode())
            file.flush()
            os.fsync(file.fileno())
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)  # else a fresh file may be gone after a power cut
        finally:
            os.close(folder)
    except OSError as error:
        msg = f"AIRRA_AUDIT_EXPORT_DIR: cannot write {path}: {error.strerror}"
        raise CannotExport(msg) from error


def _post(url: str, lines: Sequence[str]) -> None:
    """One POST of JSON lines; the signature in each is what makes it worth keeping."""
    body = "".join(f"{line}\n" for line in lines).encode()
    parts = urlsplit(url)
    path = urlunsplit(("", "", parts.path, parts.query, ""))
    kind = {"Content-Type": "application/x-ndjson"}
    try:
        with HttpClient(f"{parts.scheme}://{parts.netloc}") as client:
            answer = client.post_bytes(path, body, headers=kind)
    except HttpError as error:
        msg = f"AIRRA_AUDIT_EXPORT_URL: {error}"
        raise CannotExport(msg) from error
    if not 200 <= answer.status < 300:
        msg = f"AIRRA_AUDIT_EXPORT_URL answered {answer.status}"
        raise CannotExport(msg)


def _check_is_due() -> bool:
    head = AuditHead.objects.filter(pk=1, seq__gt=0).exists()
    last = AuditVerification.objects.last()
    return head and (last is None or clock.now() - last.at >= CHECK_EVERY)


def trusted_keys() -> list[str]:
    """The public keys whose checkpoints count: ours, and those it had before. Raises `BadKey`."""
    return [signing.signing_key().public, *settings.AUDIT_OLD_KEYS]


def exported_anchors() -> Iterable[Anchor]:
    """Those of the export directory, where this process can see it; else none."""
    if not settings.AUDIT_EXPORT_DIR:
        return
    for path in sorted(Path(settings.AUDIT_EXPORT_DIR).glob("airra-audit-*.jsonl")):
        yield from anchors_in(path)


def check_now() -> Report:
    """Verify the whole chain with all anchors at hand, keep the result, and raise the alarm."""
    try:
        report = verify(anchors=exported_anchors(), trusted=trusted_keys())
    except (signing.BadKey, OSError) as error:
        report = Report(1)
        report.found(0, f"it could not be checked: {error}")
    keep(report)
    return report


def keep(report: Report) -> AuditVerification | None:
    """Store what a check of the whole chain found; None where the database takes no row."""
    bad = report.problems[0] if report.problems else None
    metrics.AUDIT_VERIFIED.set(report.to_seq)
    metrics.AUDIT_BROKEN.set(0 if bad is None else 1)
    if bad is not None:
        log.error("audit_chain_broken", problems=[str(p) for p in report.problems[:_TOLD]])
    try:
        return AuditVerification.objects.create(
            at=clock.now(),
            seconds=report.seconds,
            rows=report.rows,
            to_seq=report.to_seq,
            checkpoints=report.checkpoints,
            bad_seq=bad.seq if bad else None,
            problem="\n".join(str(p) for p in report.problems[:_TOLD]),
        )
    except DatabaseError as error:
        log.warning("audit_verification_not_kept", error=str(error))
        return None
