"""Two replays of the same alerts, side by side: how many incidents, and which alerts move."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from incidents.ingest.grouping.replay import Happening, Replay

MAX_EXAMPLES = 12


@dataclass(frozen=True)
class Moved:
    """An alert that would be elsewhere: with whom it was, with whom it would be, and why."""

    id: str
    title: str
    before: int | None
    after: int | None
    reason_before: str
    reason_after: str
    with_before: int
    with_after: int


@dataclass(frozen=True)
class Comparison:
    incidents_before: int
    incidents_after: int
    waiting_before: int
    waiting_after: int
    moved: int
    examples: tuple[Moved, ...]


def compare(before: Replay, after: Replay, happenings: list[Happening]) -> Comparison:
    """An alert moves when most of those it was with go elsewhere, or it does."""
    firing = [one for one in happenings if one.is_firing]
    heirs = _heirs(before.placed, after.placed)
    moved = [one for one in firing if after.placed[one.id] != heirs.get(before.placed[one.id])]
    sizes_before, sizes_after = _sizes(before), _sizes(after)
    examples = [
        Moved(
            id=one.id,
            title=one.subject.title,
            before=before.placed[one.id],
            after=after.placed[one.id],
            reason_before=_reason(before, one),
            reason_after=_reason(after, one),
            with_before=max(sizes_before[before.placed[one.id]] - 1, 0),
            with_after=max(sizes_after[after.placed[one.id]] - 1, 0),
        )
        for one in moved[:MAX_EXAMPLES]
    ]
    return Comparison(
        incidents_before=len(before.groups),
        incidents_after=len(after.groups),
        waiting_before=sum(place is None for place in before.placed.values()),
        waiting_after=sum(place is None for place in after.placed.values()),
        moved=len(moved),
        examples=tuple(examples),
    )


def _heirs(
    before: Mapping[str, int | None], after: Mapping[str, int | None]
) -> dict[int | None, int | None]:
    """For each incident of before, the one of after that has most of it; each heir only once."""
    shared = Counter((before[one], after[one]) for one in before if before[one] is not None)
    heirs: dict[int | None, int | None] = {None: None}
    for (old, new), _ in sorted(shared.items(), key=lambda pair: (-pair[1], str(pair[0]))):
        if old not in heirs and new is not None and new not in heirs.values():
            heirs[old] = new
    return heirs


def _sizes(replay: Replay) -> Counter[int | None]:
    return Counter(place for place in replay.placed.values() if place is not None)


def _reason(replay: Replay, one: Happening) -> str:
    decided = replay.decisions.get(one.id)
    return decided.reason if decided else "the same alert again"
