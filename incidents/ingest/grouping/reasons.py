"""The sentences that say why, as people read them beside an alert."""

from datetime import datetime, timedelta

from incidents.ingest.grouping.ties import Tie
from incidents.ingest.grouping.types import Candidate, Params, Subject


def of_tie(
    subject: Subject, tie: Tie, params: Params, now: datetime, *, rival: Tie | None = None
) -> str:
    """Why an alert joins the incident it is tied to, and what would have been nearly as good."""
    key = tie.candidate.key
    nearly = f"; {rival.candidate.key} fits nearly as well ({rival.score:.2f})" if rival else ""
    if tie.way == "same":
        return f"{key} is about {tie.place} too: {ago(now - tie.candidate.opened_at)}{nearly}"
    sentence = _SENTENCES[tie.way](subject, tie)
    told = f"{tie.score:.2f}, needed {params.threshold:.2f}"
    return f"{sentence}, {apart(tie.minutes)} ({told}){nearly}"


def _calls(subject: Subject, tie: Tie) -> str:
    if tie.hops == 1:
        return f"{subject.home} calls {tie.place}, where {tie.candidate.key} is"
    return (
        f"{subject.home} depends on {tie.place} of {tie.candidate.key}, {tie.hops:.0f} calls away"
    )


def _called(subject: Subject, tie: Tie) -> str:
    if tie.hops == 1:
        return f"{tie.place} of {tie.candidate.key} calls {subject.home}"
    return (
        f"{tie.place} of {tie.candidate.key} depends on {subject.home}, {tie.hops:.0f} calls away"
    )


def _beside(subject: Subject, tie: Tie) -> str:
    return f"{subject.home} and {tie.place} of {tie.candidate.key} both depend on {tie.through}"


def _names(_: Subject, tie: Tie) -> str:
    return f"it names {tie.place}, where {tie.candidate.key} is"


def _named(subject: Subject, tie: Tie) -> str:
    return f"{tie.candidate.key} names {subject.home}"


def _host(subject: Subject, tie: Tie) -> str:
    shared = min(subject.hosts & tie.member.hosts) if tie.member else "one host"
    return f"it is on {shared[:60]}, as an alert of {tie.candidate.key}"


def _words(_: Subject, tie: Tie) -> str:
    return f"its words are {tie.likeness:.0%} those of an alert of {tie.candidate.key}"


_SENTENCES = {
    "calls": _calls,
    "called": _called,
    "beside": _beside,
    "names": _names,
    "named": _named,
    "host": _host,
    "words": _words,
}


def of_none(subject: Subject, nearest: Tie | None, params: Params) -> str:
    """Why an alert opens an incident of its own."""
    if subject.is_chore:
        return "it tells of work to be done some day, which nothing that is open explains"
    if nearest is not None and _is_another_cause(subject, nearest, params):
        key, scored = nearest.candidate.key, _of(nearest, params)
        return f"trouble inside of {subject.home} is a cause of its own, beside {key} ({scored})"
    if nearest is not None and nearest.way == "same":
        key, place, scored = nearest.candidate.key, nearest.place, _of(nearest, params)
        return (
            f"{key} of {place} is too long ago: its trouble there began "
            f"{nearest.minutes:.0f} min before ({scored})"
        )
    if nearest is not None:
        key = nearest.candidate.key
        return f"nothing near enough is open; nearest is {key}: {_of(nearest, params)}"
    if subject.home:
        return f"nothing else is open for {subject.home}"
    return "the alert names no service, so it stands alone"


def _is_another_cause(subject: Subject, nearest: Tie, params: Params) -> bool:
    """Whether what keeps it apart is trouble inside, and not the time between."""
    is_late = abs(nearest.minutes) > params.rule_min
    return subject.is_own and nearest.way in {"same", "calls", "names", "beside"} and not is_late


def _of(tie: Tie, params: Params) -> str:
    return f"{tie.score:.2f}, needed {params.threshold:.2f}"


def again(candidate: Candidate) -> str:
    return f"the same alert belongs to {candidate.key}"


def cleared(candidate: Candidate) -> str:
    return f"every alert of {candidate.key}, where it was, is over"


def ago(age: timedelta) -> str:
    minutes = int(age.total_seconds() // 60)
    return f"opened {minutes} min ago" if minutes >= 1 else "opened within the last minute"


def apart(minutes: float) -> str:
    return f"{abs(minutes):.0f} min apart" if abs(minutes) >= 1 else "within a minute"
