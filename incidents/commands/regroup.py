"""What people say about grouping: this alert belongs there, or stands by itself.

Each move is a decision with `means` PERSON: a label of what the machine should have said. From
then on the same alert follows it, and alerts of the same kinds are put together or kept apart.
"""

from collections.abc import Mapping

from django.contrib.auth.models import User
from django.db import transaction

from airra.lib.db import compare_and_set
from incidents.commands import audit, timeline
from incidents.commands import incident as incidents
from incidents.commands.flapping import home_of
from incidents.commands.settling import alerts_of, settle
from incidents.lifecycle import RESOLVABLE, SEVERITY_ORDER, Severity
from incidents.models import Alert, AlertQuerySet, GroupingDecision, Incident, TimelineEvent
from incidents.permissions import Permission
from incidents.queries.access import require
from incidents.queries.grouping import names_in, subject_from

Kind = TimelineEvent.Kind
MAX_KINDS = 20
MAX_LOOKED_AT = 200


class CannotMove(ValueError):
    """The alert cannot go there; the message says why, for the person who asked."""


@transaction.atomic
def move(*, alert: Alert, to: Incident, by: User, reason: str = "") -> GroupingDecision:
    """Put an alert into another live incident of its workspace. Severity and ends follow.

    Raises `CannotMove`, and `Conflict` when somebody else moved it first.
    """
    require(by, Permission.RESPOND, alert.workspace)
    if to.workspace_id != alert.workspace_id or not to.is_live:
        msg = f"{to.key} is not a live incident of this workspace"
        raise CannotMove(msg)
    here = home_of(alert)
    if here is not None and to.pk == here.pk:
        msg = f"it is in {to.key} already"
        raise CannotMove(msg)
    decision = _carry(alert, to, by, reason)
    _follow(alert, decision.moved_from, to)
    return decision


@transaction.atomic
def split(*, alert: Alert, by: User, reason: str = "") -> Incident:
    """Take an alert out of its incident, into a new one. Raises `CannotMove`."""
    require(by, Permission.RESPOND, alert.workspace)
    here = home_of(alert)
    if here is None or alert.status == Alert.Status.RESOLVED:
        msg = "only an alert that is not over, and is in an incident, can be split off"
        raise CannotMove(msg)
    if not alerts_of(here).exclude(pk=alert.pk).exists():
        msg = f"it is the only alert of {here.key}"
        raise CannotMove(msg)
    opened, is_new = incidents.open_or_join(
        workspace=alert.workspace,
        title=alert.title,
        description=alert.description,
        severity=Severity(alert.severity),
        source=Incident.Source.ALERT,
        service=alert.service,
        grouping_key=f"split:{alert.pk.hex}",
        grouping_reason=f"split off {here.key}" + (f": {reason}" if reason else ""),
        started_at=alert.starts_at,
        by=by,
    )
    if not is_new:
        msg = f"it was split off before, into {opened.key}"
        raise CannotMove(msg)
    decision = _carry(alert, opened, by, reason)
    _follow(alert, decision.moved_from, opened)
    return opened


def _carry(alert: Alert, to: Incident, by: User, reason: str) -> GroupingDecision:
    """The move itself: the row, the decision, both stories, the audit row."""
    left = home_of(alert)
    facts = _labels(alert, left, to)
    compare_and_set(alert, "incident_id", expect=alert.incident_id, to=to.pk)
    alert.incident = to
    why = f": {reason}" if reason else ""
    name = timeline.display_name(by)
    decision = GroupingDecision.objects.create(
        alert=alert,
        incident=to,
        moved_from=left,
        means=GroupingDecision.Means.PERSON,
        reason=f"{name} moved it from {left.key if left else 'no incident'}{why}"[:300],
        facts=facts,
        by=by,
    )
    payload = {"alert": str(alert.pk), "decision": decision.pk}
    if left is not None:
        text = f"moved “{alert.title}” out to {to.key}{why}"
        timeline.record(left, Kind.ALERT, text, by=by, payload=payload)
    text = f"moved “{alert.title}” here from {left.key if left else 'no incident'}{why}"
    timeline.record(to, Kind.ALERT, text, by=by, payload=payload)
    audit.record(
        "alert.moved",
        target=alert,
        by=by,
        before={"incident": left.key if left else ""},
        after={"incident": to.key},
        reason=reason,
    )
    return decision


def _labels(alert: Alert, left: Incident | None, to: Incident) -> dict[str, object]:
    """Which kinds of alert this word puts together with this one's, and which it keeps apart."""
    names = names_in(alert.workspace)
    own = subject_from(alert, names).kind
    there = _kinds(alerts_of(to).exclude(pk=alert.pk), names) - {own}
    before = _kinds(alerts_of(left).exclude(pk=alert.pk), names) if left else set()
    return {
        "kind": own,
        "together": sorted(there)[:MAX_KINDS],
        "apart": sorted(before - there - {own})[:MAX_KINDS],
    }


def _kinds(alerts: AlertQuerySet, names: Mapping[str, str]) -> set[str]:
    found = alerts.select_related("service").order_by("-starts_at")[:MAX_LOOKED_AT]
    return {subject_from(alert, names).kind for alert in found}


def _follow(alert: Alert, left: Incident | None, to: Incident) -> None:
    """The one it came to is at least as severe; the one it left is what is left of it."""
    reason = f"the alert “{alert.title}”"
    incidents.raise_severity(incident=to, to=Severity(alert.severity), reason=reason)
    settle(to)
    if left is None or not left.is_live:
        return
    remaining = list(alerts_of(left).values_list("severity", flat=True))
    if left.source != Incident.Source.ALERT:
        return
    if not remaining and left.state in RESOLVABLE:
        incidents.resolve(incident=left, resolution=f"its last alert was moved to {to.key}")
        return
    lower(left, remaining, reason)
    settle(left)


def lower(incident: Incident, remaining: list[str], reason: str) -> None:
    """As severe as its remaining alerts are, unless a person has set it; `reason` is what left."""
    if not remaining or _is_set_by_person(incident):
        return
    worst = min((Severity(word) for word in remaining), key=lambda word: SEVERITY_ORDER[word])
    before = Severity(incident.severity)
    if SEVERITY_ORDER[worst] <= SEVERITY_ORDER[before]:
        return
    compare_and_set(incident, "severity", expect=before, to=worst)
    text = f"lowered severity from {before} to {worst}: {reason} is elsewhere now"
    timeline.record(incident, Kind.SEVERITY, text)
    audit.record(
        "incident.severity",
        target=incident,
        before={"severity": before},
        after={"severity": worst},
        reason=f"{reason} was moved away",
    )


def _is_set_by_person(incident: Incident) -> bool:
    return incident.events.filter(kind=Kind.SEVERITY, author__isnull=False).exists()
