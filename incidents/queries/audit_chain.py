"""Whether the audit chain is as it was written: every row, every link, every signed point.

Reads page by page, so that memory does not grow with the chain. Recomputes everything from the
columns people read: what is found to be right is what stands on the screen.
"""

import json
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain as joined

from django.db.models import Max

from airra.lib import hashchain, signing
from incidents.models import AuditEvent, AuditHead, AuditLink
from incidents.models.audit import SEALED, body_of
from incidents.queries.audit_anchors import Anchor, check_anchors, kept_anchors

PAGE = 500
_BROKEN = (ValueError, TypeError, KeyError, AttributeError)  # what no honest row leads to


@dataclass(frozen=True)
class Problem:
    """`seq` is the row of the chain it is about; 0 where it has none."""

    seq: int
    why: str

    def __str__(self) -> str:
        return f"row {self.seq}: {self.why}" if self.seq else self.why


@dataclass
class Report:
    """What was checked and found. `anchored_seq` is the last row that a signature holds."""

    from_seq: int
    to_seq: int = 0
    rows: int = 0
    erased: set[int] = field(default_factory=set)
    seconds: float = 0.0
    checkpoints: int = 0
    anchored_seq: int = 0
    problems: list[Problem] = field(default_factory=list)

    @property
    def is_intact(self) -> bool:
        return not self.problems

    @property
    def rows_per_s(self) -> float:
        return self.rows / self.seconds if self.seconds else 0.0

    def found(self, seq: int, why: str) -> None:
        self.problems.append(Problem(seq, why))


def verify(
    *, from_seq: int = 1, anchors: Iterable[Anchor] = (), trusted: Iterable[str] = ()
) -> Report:
    """Check links from `from_seq` to the end, then every checkpoint kept here and in `anchors`.

    `trusted` are the public keys whose signatures count. The walk stops at the first link that is
    wrong: what comes after it proves nothing. Raises `BadKey` when one of them is no key.
    """
    began = time.monotonic()
    keys = {signing.key_id(public): public for public in trusted}
    report = Report(from_seq)
    head = AuditHead.objects.filter(pk=1).first()
    if head is not None:
        _walk(report, head)
    elif AuditLink.objects.exists():
        report.found(0, "the chain has lost its head row")
    if report.is_intact:
        _check_ends(report, head)
    chain = head.chain if head else ""
    for seq, why in check_anchors(joined(kept_anchors(), anchors), chain=chain, keys=keys):
        if why:
            report.found(seq, why)
        else:
            report.anchored_seq = max(report.anchored_seq, seq)
        report.checkpoints += 1
    report.seconds = time.monotonic() - began
    return report


def _walk(report: Report, head: AuditHead) -> None:
    """Follow the links to where the head was at the start."""
    expected, previous = report.from_seq, _hash_before(report.from_seq, head)
    if previous is None:
        report.found(expected - 1, "is gone, so the next one has nothing to follow")
        return
    for link, event in _pairs(report.from_seq, head.seq):
        why = _why_wrong(link, event, expected, previous)
        if why:
            report.found(min(link.seq, expected), why)
            return
        if event is not None and len(event.salts) < len(SEALED):
            report.erased.add(link.seq)
        report.rows, report.to_seq = report.rows + 1, link.seq
        expected, previous = link.seq + 1, link.hash
    if expected <= head.seq:
        report.found(expected, f"is gone, and so is all up to row {head.seq}, where it ended")
    elif expected == head.seq + 1 and previous != head.hash:
        report.found(head.seq, "the chain's head has another hash than its last row")


def _hash_before(seq: int, head: AuditHead) -> str | None:
    if seq <= 1:
        return hashchain.genesis(head.chain)
    return AuditLink.objects.filter(seq=seq - 1).values_list("hash", flat=True).first()


def _pairs(from_seq: int, to_seq: int) -> Iterator[tuple[AuditLink, AuditEvent | None]]:
    """Links in order with their rows, a page at a time; None for a row that is not there."""
    after = from_seq - 1
    while True:
        links = list(
            AuditLink.objects.filter(seq__gt=after, seq__lte=to_seq).order_by("seq")[:PAGE]
        )
        if not links:
            return
        yield from _with_events(links)
        after = links[-1].seq


def _with_events(links: list[AuditLink]) -> Iterator[tuple[AuditLink, AuditEvent | None]]:
    try:
        events = AuditEvent.objects.in_bulk([link.event_id for link in links])
    except ValueError:  # one of them holds what its column cannot: look for it alone
        if len(links) > 1:
            for link in links:
                yield from _with_events([link])
            return
        yield links[0], AuditEvent(pk=links[0].event_id)  # empty: fails every check
        return
    for link in links:
        yield link, events.get(link.event_id)


def _why_wrong(link: AuditLink, event: AuditEvent | None, expected: int, previous: str) -> str:
    """What is wrong with a link, or nothing."""
    if link.seq > expected:
        last = link.seq - 1
        return "is gone" if last == expected else f"is gone, and so is all up to row {last}"
    if link.prev != previous:
        return "does not follow the row before it: rows were reordered, replaced or cut out"
    if link.hash != hashchain.link_hash(link.seq, link.prev, link.body_sha):
        return "its hash does not belong to its number, its content and the row before it"
    if event is None:
        return "what it told was deleted"
    return _why_changed(link, event)


def _why_changed(link: AuditLink, event: AuditEvent) -> str:
    """Whether columns, body and link say the same."""
    try:
        now = body_again(event)
        if now != event.body:
            told, found = json.loads(event.body), json.loads(now)
            if hashchain.sha(event.body) == link.body_sha:
                return f"its {_differing(told, found)} changed"
        if hashchain.sha(event.body) != link.body_sha:
            return "its content was changed"
    except _BROKEN:
        return "its content was changed and cannot be read any more"
    return ""


def body_again(event: AuditEvent) -> str:
    """The body as the columns give it now; a digest whose salt was erased is taken as it stands."""
    names = [name for name in SEALED if name in event.salts]
    again = body_of(event, sealed=names)
    if len(names) == len(SEALED):
        return again
    body, told = json.loads(again), json.loads(event.body)
    body["sealed"] |= {name: told["sealed"][name] for name in SEALED if name not in names}
    return hashchain.canonical(body).decode()


def _differing(told: dict[str, object], found: dict[str, object]) -> str:
    flat_told, flat_found = ({**each, **each["sealed"]} for each in (told, found))  # type: ignore[dict-item]  # JSON of our own making
    names = [name for name in flat_told if flat_told[name] != flat_found.get(name)]
    names = [name for name in names if name != "sealed"]
    return f"{' and '.join(names)} {'was' if len(names) == 1 else 'were'}"


def _check_ends(report: Report, head: AuditHead | None) -> None:
    """What a walk along the links cannot see: rows beside the chain, and rows emptied silently."""
    if report.erased:
        told = AuditEvent.objects.filter(kind="audit.erased").values_list("after", flat=True)
        allowed = {seq for after in told.iterator() for seq in after.get("rows", [])}
        for seq in sorted(report.erased - allowed)[:1]:
            report.found(seq, "parts were erased and no erasure was recorded")
    top = AuditLink.objects.aggregate(top=Max("seq"))["top"] or 0
    if head is not None and top > AuditHead.objects.values_list("seq", flat=True).get(pk=1):
        report.found(top, "stands after the end that the chain's head knows")
    stray = AuditEvent.objects.filter(link__isnull=True).order_by("pk").first()
    if stray is not None and report.from_seq == 1:
        report.found(0, f"the entry with id {stray.pk} ({stray.kind}) is in no chain")
