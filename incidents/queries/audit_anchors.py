"""Signed points of the audit chain: where they are kept, and whether each still holds."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from django.db.models import Max

from airra.lib import hashchain, signing
from incidents.models import AuditCheckpoint, AuditLink

_BATCH = 400
_SHAPE = {"format": str, "chain": str, "seq": int, "hash": str, "at": str, "key": str}


@dataclass(frozen=True)
class Anchor:
    """A signed point as it was kept; `place` says where, `broken` why it cannot be read at all."""

    place: str
    statement: Mapping[str, Any]
    signature: str = ""
    broken: str = ""


def kept_anchors() -> Iterator[Anchor]:
    """Those of our own table, which is in the same hands as the chain."""
    for row in AuditCheckpoint.objects.order_by("seq").iterator(chunk_size=_BATCH):
        yield Anchor("the database", row.statement(), row.signature)


def line_of(row: AuditCheckpoint) -> str:
    """A checkpoint as one line of an export."""
    return json.dumps({**row.statement(), "signature": row.signature}, sort_keys=True)


def anchors_in(path: Path) -> Iterator[Anchor]:
    """Those of a file of JSON lines. A line torn off by a crash and written again is passed over.

    Raises OSError when it cannot be read.
    """
    torn, number = "", 0
    with path.open(encoding="utf-8", errors="replace") as lines:
        for number, line in enumerate(lines, 1):
            text = line.strip()
            if torn and not text.startswith(torn):
                yield _unread(path, number - 1)
            torn = ""
            if not text:
                continue
            try:
                told = json.loads(text)
                signature = told.pop("signature")
            except (ValueError, AttributeError, KeyError, TypeError):
                torn = text
                continue
            yield Anchor(f"{path.name}, line {number}", told, str(signature))
    if torn:
        yield _unread(path, number)


def _unread(path: Path, number: int) -> Anchor:
    return Anchor(f"{path.name}, line {number}", {}, broken="is no checkpoint")


def check_anchors(
    anchors: Iterable[Anchor], *, chain: str, keys: Mapping[str, str]
) -> Iterator[tuple[int, str]]:
    """For each, the row it is about and what is wrong, or nothing. `keys` are public, by id."""
    waiting = iter(anchors)
    while batch := list(islice(waiting, _BATCH)):
        seqs = [anchor.statement.get("seq") for anchor in batch]
        asked = [seq for seq in seqs if isinstance(seq, int) and abs(seq) < 2**63]
        hashes = dict(AuditLink.objects.filter(seq__in=asked).values_list("seq", "hash"))
        for anchor in batch:
            why = _why_unsigned(anchor, keys) or _why_not_ours(anchor, chain, hashes)
            seq = anchor.statement.get("seq")
            yield (
                seq if isinstance(seq, int) else 0,
                f"the checkpoint in {anchor.place} {why}" if why else "",
            )


def _why_unsigned(anchor: Anchor, keys: Mapping[str, str]) -> str:
    told = anchor.statement
    if anchor.broken:
        return anchor.broken
    if set(told) != set(_SHAPE) or any(type(told[n]) is not kind for n, kind in _SHAPE.items()):
        return "is no checkpoint"
    public = keys.get(told["key"])
    if public is None:
        return f"is signed by a key that is not trusted: {told['key'][:16]}"
    if not signing.is_signed(hashchain.canonical(told), anchor.signature, public):
        return "is forged or damaged: its signature does not fit"
    return ""


def _why_not_ours(anchor: Anchor, chain: str, hashes: Mapping[int, str]) -> str:
    told = anchor.statement
    seq, at = told["seq"], told["at"]
    if told["chain"] != chain:
        return f"is of another chain ({told['chain'][:8]}): this database is not the one of {at}"
    if seq not in hashes:
        top = AuditLink.objects.aggregate(top=Max("seq"))["top"] or 0
        gone = f"the chain ends at row {top}: its tail was cut" if seq > top else "the row is gone"
        return f"says that row {seq} was there at {at}, and {gone}"
    if hashes[seq] != told["hash"]:
        return f"shows another hash for row {seq} at {at}: the chain was rewritten since"
    return ""
