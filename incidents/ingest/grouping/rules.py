"""Rules that people wrote: which one an alert falls under, and what it says."""

import hashlib
from collections.abc import Sequence
from datetime import timedelta

from incidents.ingest.grouping.types import Candidate, Decision, Held, Means, Rule, Subject
from incidents.ingest.matching import all_hold, any_holds


def first_that_matches(subject: Subject, rules: Sequence[Rule]) -> Rule | None:
    """The first of the rules by position, then name, whatever order they are given in."""
    for rule in sorted(rules, key=lambda rule: (rule.position, rule.name)):
        if matches(subject, rule):
            return rule
    return None


def matches(subject: Subject, rule: Rule) -> bool:
    """Without matchers a rule is about every alert; a label to group by must be there."""
    labels = labels_of(subject)
    if any(not labels.get(label) for label in rule.group_by):
        return False
    if not rule.matchers:
        return True
    holds = any_holds if rule.is_any else all_hold
    return holds(rule.matchers, labels)


def labels_of(subject: Subject) -> dict[str, str]:
    """Its labels, with the service where that came from somewhere else."""
    own = {"service": subject.service} if subject.service else {}
    return {**own, **subject.labels}


def key_of(subject: Subject, rule: Rule) -> str:
    """What alerts of a rule share, as the beginning of a grouping key."""
    labels = labels_of(subject)
    values = "\x1f".join(labels[label] for label in rule.group_by)
    return f"rule:{rule.id.hex}:{hashlib.sha256(values.encode()).hexdigest()[:32]}"


def by_rule(
    subject: Subject, rule: Rule, candidates: Sequence[Candidate], held: Sequence[Held]
) -> Decision:
    """Join the rule's incident while it is fresh; else open one, once there are enough alerts."""
    stem = key_of(subject, rule)
    window = timedelta(minutes=rule.window_min)
    mine = [c for c in candidates if c.grouping_key.startswith(stem)]
    fresh = [c for c in mine if subject.at - c.newest <= window]
    about = f"rule “{rule.name}”{_shared(subject, rule)}"
    if fresh:
        newest = max(fresh, key=lambda c: (c.newest, c.key))
        reason = f"{about}: {newest.key} is open and had an alert within {rule.window_min} min"
        return Decision(Means.RULE, newest.id, "", reason, rule=rule.id)
    waiting = [h for h in held if h.grouping_key == stem and subject.at - h.at <= window]
    seen = len(waiting) + 1
    counted = f"{seen} of {rule.threshold} alerts within {rule.window_min} min"
    if seen < rule.threshold:
        reason = f"{about}: {counted}, so it waits"
        return Decision(Means.HELD, None, stem, reason, rule=rule.id, facts={"seen": seen})
    key = f"{stem}:{subject.at:%Y%m%d%H%M%S}" if mine else stem
    opened = f"{counted}, so an incident opens" if rule.threshold > 1 else "none of it is open"
    return Decision(
        Means.RULE, None, key, f"{about}: {opened}", rule=rule.id,
        release=tuple(h.id for h in sorted(waiting, key=lambda h: (h.at, h.id))),
    )  # fmt: skip


def _shared(subject: Subject, rule: Rule) -> str:
    labels = labels_of(subject)
    shown = ", ".join(f"{label} {labels[label][:40]}" for label in rule.group_by[:3])
    return f", same {shown}" if shown else ""
