"""Where an alert belongs, and why: the same alert, a rule, what a person taught, likeness, alone.

Pure: the caller brings what is live. The answer does not depend on the order in which candidates,
members, rules or held alerts are given.
"""

import hashlib
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from incidents.ingest.grouping import reasons, rules
from incidents.ingest.grouping.ties import Tie, tie
from incidents.ingest.grouping.topology import Topology
from incidents.ingest.grouping.types import (
    Candidate,
    Decision,
    Held,
    Means,
    Params,
    Rule,
    Subject,
    Taught,
)

NEARLY = 0.05  # of score: so little less is told as fitting nearly as well


@dataclass(frozen=True)
class Scene:
    """All that a decision looks at, beside the alert and the incidents that are live."""

    topology: Topology
    rules: Sequence[Rule] = ()
    taught: Sequence[Taught] = ()
    held: Sequence[Held] = ()
    params: Params = field(default_factory=Params)


def decide(
    subject: Subject, candidates: Sequence[Candidate], scene: Scene, now: datetime
) -> Decision:
    """The first means that has something to say decides."""
    taught = {t.kinds: t for t in reversed(scene.taught)}
    rule = rules.first_that_matches(subject, scene.rules)
    home = _home(candidates)
    if home is not None:  # where a rule has put it, likeness has no say
        moved = _moved_on(subject, home, candidates, taught, scene, now) if rule is None else None
        return moved or _again(home)
    if rule is not None:
        return rules.by_rule(subject, rule, candidates, scene.held)
    return _put_together(subject, candidates, taught, now, scene.params) or _alike(
        subject, candidates, taught, scene, now
    )


def _home(candidates: Sequence[Candidate]) -> Candidate | None:
    """Where this very alert was: where a person last put it, else where it was last."""
    chosen = [c for c in candidates if c.had_it is not None and c.chosen is not None]
    if chosen:
        return max(chosen, key=lambda c: (c.chosen, c.key))
    had = [c for c in candidates if c.had_it is not None]
    return max(had, key=lambda c: (c.had_it, c.key), default=None)


def _again(home: Candidate) -> Decision:
    by_person = ", where a person put it" if home.chosen is not None else ""
    return Decision(Means.KEY, home.id, "", f"{reasons.again(home)}{by_person}")


def _moved_on(
    subject: Subject,
    home: Candidate,
    candidates: Sequence[Candidate],
    taught: dict[frozenset[str], Taught],
    scene: Scene,
    now: datetime,
) -> Decision | None:
    """Where all but the flapping of its incident is over, and another explains it: there."""
    if not home.is_cleared or home.chosen is not None:
        return None
    others = [c for c in candidates if c.had_it is None]
    found = _alike(subject, others, taught, scene, now)
    if found.join is None:
        return None
    return replace(found, reason=f"{reasons.cleared(home)}; {found.reason}")


def _said(
    subject: Subject, candidate: Candidate, taught: dict[frozenset[str], Taught]
) -> list[Taught]:
    pairs = {frozenset((subject.kind, member.kind)) for member in candidate.members}
    return [taught[pair] for pair in sorted(pairs & taught.keys(), key=sorted)]


def _put_together(
    subject: Subject,
    candidates: Sequence[Candidate],
    taught: dict[frozenset[str], Taught],
    now: datetime,
    params: Params,
) -> Decision | None:
    """A person put these two kinds together before; while the incident is fresh, so do we."""
    found = []
    for candidate in candidates:
        said = _said(subject, candidate, taught)
        newest = candidate.newest
        is_fresh = abs((subject.at - newest).total_seconds()) <= params.window_min * 60
        if said and is_fresh and all(t.together for t in said):
            found.append((newest, candidate.key, candidate, said[0]))
    if not found:
        return None
    _, _, home, why = max(found, key=lambda one: one[:2])
    reason = f"{why.said} put an alert of this kind together with one as in {home.key}"
    return Decision(Means.PERSON, home.id, "", reason, facts={"taught": why.said})


def _alike(
    subject: Subject,
    candidates: Sequence[Candidate],
    taught: dict[frozenset[str], Taught],
    scene: Scene,
    now: datetime,
) -> Decision:
    apart = {
        c.id: said[0]
        for c in candidates
        if (said := [t for t in _said(subject, c, taught) if not t.together])
    }
    params = scene.params
    ties = [
        found
        for c in candidates
        if c.id not in apart
        if (found := tie(subject, c, scene.topology, params)) is not None and found.score > 0
    ]
    fitting = sorted((t for t in ties if t.score >= params.threshold), key=_fit, reverse=True)
    best = fitting[0] if fitting else max(ties, key=_fit, default=None)
    facts = _facts(best, candidates, apart)
    if best is not None and fitting:
        rival = next((t for t in fitting[1:] if best.score - t.score < NEARLY), None)
        if rival is not None:
            facts["nearly"] = {"incident": rival.candidate.key, "score": round(rival.score, 4)}
        reason = reasons.of_tie(subject, best, params, now, rival=rival)
        return Decision(
            Means.SIMILARITY, best.candidate.id, "", reason,
            score=round(best.score, 4), threshold=params.threshold, facts=facts,
        )  # fmt: skip
    reason = reasons.of_none(subject, best, params)
    if apart:
        kept = next(c for c in sorted(candidates, key=lambda c: c.key) if c.id in apart)
        reason = f"{apart[kept.id].said} keeps it apart from {kept.key}; {reason}"
    return Decision(
        Means.ALONE, None, own_key(subject, candidates), reason,
        score=round(best.score, 4) if best else None,
        threshold=params.threshold if best else None, facts=facts,
    )  # fmt: skip


def _fit(tie: Tie) -> tuple[float, float, str]:
    """Of those that fit alike, to the two digits that people see, the nearest in time comes first.

    What is free in the story (an alert some minutes after its callee's) fits all alike.
    """
    return round(tie.score, 2), -abs(tie.minutes), tie.candidate.key


def _facts(
    best: Tie | None, candidates: Sequence[Candidate], apart: Mapping[UUID, Taught]
) -> dict[str, object]:
    facts: dict[str, object] = {"considered": len(candidates)}
    if apart:
        facts["kept_apart"] = sorted(c.key for c in candidates if c.id in apart)
    if best is not None:
        facts |= {
            "nearest": best.candidate.key,
            "way": best.way,
            "hops": best.hops,
            "minutes": round(best.minutes, 1),
            "likeness": round(best.likeness, 2),
            "with": best.member.title if best.member else "",
            "at": best.place,
        }
    return facts


def own_key(subject: Subject, candidates: Sequence[Candidate]) -> str:
    """A grouping key that no live incident has: of its service, or of the alert itself."""
    stem = f"service:{subject.service}"
    if not subject.service:
        stem = f"alert:{hashlib.sha256(subject.key.encode()).hexdigest()[:40]}"
    taken = {c.grouping_key for c in candidates}
    numbered = (f"{stem}:{number}" for number in itertools.count(2))
    return stem if stem not in taken else next(key for key in numbered if key not in taken)
