"""Which incident an alert is put into, and the decision that says why.

Called inside the transaction that holds the workspace's row (`incidents.commands.delivery`), so
what is read here stays true until it is written.
"""

from dataclasses import dataclass

from django.db.models import Exists, OuterRef, Q

from airra.lib import clock
from incidents.commands import incident as incidents
from incidents.ingest import grouping
from incidents.ingest.alerts import NewAlert
from incidents.models import Alert, GroupingDecision, Incident, Integration, Service

Means = GroupingDecision.Means


@dataclass(frozen=True)
class Placed:
    """Where an alert goes: nowhere yet when `incident` is None.

    `decision` is not saved: the alert it is about may not be a row yet. See `record`.
    """

    incident: Incident | None
    decision: GroupingDecision

    @property
    def reason(self) -> str:
        return self.decision.reason

    def record(self, alert: Alert) -> None:
        """Keep the decision, once the alert is stored."""
        self.decision.alert = alert
        self.decision.save()


def place(new: NewAlert, *, integration: Integration, service: Service | None) -> Placed:
    """The incident to join, or a new one; with the reason, as people read it."""
    workspace = integration.workspace
    had_it = Alert.objects.filter(
        integration=integration, dedup_key=new.dedup_key, incident=OuterRef("pk")
    )
    live = Incident.objects.open().filter(workspace=workspace)
    had = set(live.filter(Exists(had_it)).values_list("pk", flat=True))
    candidates = list(live.filter(Q(service=service) if service else Q(pk__in=had)))
    decided = grouping.group(
        new,
        [
            grouping.LiveIncident(c.pk, c.key, c.opened_at, had_this_alert=c.pk in had)
            for c in candidates
        ],
        integration=integration.pk,
        now=clock.now(),
    )
    for candidate in candidates:
        if candidate.pk == decided.join:
            means = Means.KEY if candidate.pk in had else Means.SIMILARITY
            return _placed(candidate, means, decided.reason)
    incident, _ = incidents.open_or_join(
        workspace=workspace,
        title=new.title,
        description=new.description,
        severity=new.severity,
        source=Incident.Source.ALERT,
        service=service,
        grouping_key=decided.key,
        grouping_reason=decided.reason,
        started_at=min(new.starts_at, clock.now()),
        actor=integration.name,
    )
    return _placed(incident, Means.ALONE, decided.reason)


def _placed(incident: Incident, means: str, reason: str) -> Placed:
    return Placed(incident, GroupingDecision(incident=incident, means=means, reason=reason[:300]))
