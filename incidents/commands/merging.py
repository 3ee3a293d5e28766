"""Taking a merge back: the incident stands by itself again, with the alerts that were its own.

Merging is `incidents.commands.incident.merge`. Nothing was moved then: alerts of a merged incident
count for the other one because it is merged, so ending that restores them.
"""

from django.contrib.auth.models import User
from django.db import transaction

from airra.lib.db import compare_and_set
from incidents.commands import audit, timeline
from incidents.commands.incident import live_by_grouping_key, raise_severity
from incidents.commands.regroup import lower
from incidents.commands.settling import alerts_of, settle
from incidents.lifecycle import SEVERITY_ORDER, Severity, State
from incidents.models import Incident, TimelineEvent
from incidents.permissions import Permission
from incidents.queries.access import require
from incidents.signals import incident_changed

Kind = TimelineEvent.Kind


class NotMerged(ValueError):
    """There is no merge to take back, or something stands in the way; the message says what."""


@transaction.atomic
def unmerge(*, incident: Incident, by: User, reason: str) -> Incident:
    """Restore a merged incident, acknowledged if it was. Raises `NotMerged`, `Conflict`.

    What it was doing when it was merged is not resumed: an investigation begins anew.
    """
    require(by, Permission.RESPOND, incident.workspace)
    other = incident.merged_into
    if incident.state != State.MERGED or other is None:
        msg = f"{incident.key} is not merged into another incident"
        raise NotMerged(msg)
    newer = live_by_grouping_key(incident.workspace, incident.grouping_key)
    if newer is not None:
        msg = f"{newer.key} is open for the same thing by now"
        raise NotMerged(msg)
    to = State.ACKNOWLEDGED if incident.acknowledged_at else State.OPEN
    compare_and_set(incident, "state", expect=State.MERGED, to=to, merged_into=None)
    why = f": {reason}" if reason else ""
    timeline.record(
        incident, Kind.REOPENED, f"took it out of {other.key} again, as {to}{why}", by=by
    )
    timeline.record(other, Kind.STATE, f"let {incident.key} {incident.title} go again{why}", by=by)
    audit.record(
        "incident.unmerged",
        target=incident,
        by=by,
        before={"state": State.MERGED, "merged_into": other.key},
        after={"state": to},
        reason=reason,
    )
    _weigh(incident, other)
    incident_changed.send(sender=Incident, incident=incident)
    incident_changed.send(sender=Incident, incident=other)
    settle(incident)
    if other.is_live:
        settle(other)
    return incident


def _weigh(apart: Incident, other: Incident) -> None:
    """Each as severe as the alerts that are its own again: they went on while they were one."""
    for incident in (apart, other):
        incident.refresh_from_db(fields=["severity"])
    own = [Severity(word) for word in alerts_of(apart).values_list("severity", flat=True)]
    if own:
        worst = min(own, key=lambda word: SEVERITY_ORDER[word])
        raise_severity(incident=apart, to=worst, reason="an alert of it was raised meanwhile")
    if other.is_live and other.source == Incident.Source.ALERT:
        left = list(alerts_of(other).values_list("severity", flat=True))
        lower(other, left, apart.key)
