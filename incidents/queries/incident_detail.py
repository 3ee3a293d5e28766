"""One incident: its header, where it stands, and what this user may do next."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import User

from incidents.lifecycle import STAGES, TRANSITIONS, State
from incidents.models import Incident, TimelineEvent
from incidents.permissions import Permission, roles_with


@dataclass(frozen=True)
class Stage:
    """One step of the lifecycle strip. `standing` is done, now, skipped or ahead."""

    state: State
    standing: str
    at: datetime | None


@dataclass(frozen=True)
class Step:
    """A legal next move: the URL name it posts to, or the form it opens."""

    name: str
    label: str
    icon: str
    asks: bool  # it opens a form first


def strip(incident: Incident, times: Mapping[State, datetime | None]) -> list[Stage]:
    """The stages as an operator meets them. `times` says when, where that is known.

    NO_SAFE_ACTION takes the place of the approval it could not ask for; a merged incident has
    no stages of its own.
    """
    state = State(incident.state)
    if state is State.MERGED:
        return []
    stages = [
        State.NO_SAFE_ACTION
        if state is State.NO_SAFE_ACTION and stage is State.AWAITING_APPROVAL
        else stage
        for stage in STAGES
    ]
    here = stages.index(State.RESOLVED if state is State.CLOSED else state)
    known = {
        State.OPEN: incident.opened_at,
        State.ACKNOWLEDGED: incident.acknowledged_at,
        State.RESOLVED: incident.resolved_at,
        **times,
    }
    return [
        Stage(stage, _standing(stage, place, here, known), known.get(stage))
        for place, stage in enumerate(stages)
    ]


def _standing(stage: State, place: int, here: int, known: Mapping[State, datetime | None]) -> str:
    if place == here:
        return "done" if stage is State.RESOLVED else "now"
    if stage is State.ACKNOWLEDGED and known[stage] is not None:
        return "done"
    if place > here:
        return "ahead"
    return "done" if known.get(stage) is not None else "skipped"


def next_steps(incident: Incident, permissions: Collection[Permission]) -> list[Step]:
    """What the table of moves and the user's role allow, in the order people reach for it."""
    if Permission.RESPOND not in permissions:
        return []
    allowed = TRANSITIONS[State(incident.state)]
    steps: list[Step] = []
    if incident.is_live and incident.acknowledged_at is None:
        steps.append(Step("acknowledge", "Acknowledge", "user-check", asks=False))
    if incident.is_live:
        steps.append(Step("assign", "Assign", "user", asks=True))
    if State.RESOLVED in allowed:
        steps.append(Step("resolve", "Resolve", "circle-check", asks=True))
    steps += _joining(incident)
    if State.OPEN in allowed:
        steps.append(Step("reopen", "Reopen", "rotate-ccw", asks=True))
    if State.CLOSED in allowed:
        steps.append(Step("close", "Close", "archive", asks=False))
    return steps


def _joining(incident: Incident) -> list[Step]:
    """Into another incident, or out of it again."""
    if incident.state == State.MERGED:
        return [Step("unmerge", "Unmerge", "undo-2", asks=True)]
    is_mergeable = incident.is_live and not incident.is_predicted
    return [Step("merge", "Merge", "layers", asks=True)] if is_mergeable else []


def newest_event_id(incident: Incident) -> int:
    newest = TimelineEvent.objects.filter(incident=incident).order_by("-id")
    return newest.values_list("id", flat=True).first() or 0


def assignable(incident: Incident) -> list[User]:
    """Members who may respond here, by name."""
    roles = [str(role) for role in roles_with(Permission.RESPOND)]
    found = User.objects.filter(
        is_active=True,
        memberships__workspace=incident.workspace_id,
        memberships__role__name__in=roles,
    )
    return list(found.order_by("first_name", "username"))
