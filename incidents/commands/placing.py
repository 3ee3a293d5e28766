"""Which incident an alert is put into, and the decision that says why.

Called inside the transaction that holds the workspace's row (`incidents.commands.delivery`), so
what is read here stays true until it is written.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from weakref import WeakKeyDictionary

from airra.lib import clock
from incidents.commands import incident as incidents
from incidents.commands import timeline
from incidents.ingest.alerts import NewAlert
from incidents.ingest.grouping.decide import decide
from incidents.ingest.grouping.rules import first_that_matches
from incidents.ingest.grouping.subjects import subject_of
from incidents.ingest.grouping.types import Decision, Means, Subject
from incidents.models import Alert, GroupingDecision, Incident, Integration, Service, TimelineEvent
from incidents.queries import grouping

# A delivery's alerts come one after another with the same integration: they share one look.
_LOOK_LASTS = timedelta(seconds=5)
_looks: WeakKeyDictionary[Integration, tuple[datetime, grouping.Known]] = WeakKeyDictionary()


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
    """The incident to join, or a new one, or none yet; with the reason, as people read it."""
    known = _look(integration)
    subject = subject_of(
        key=f"{integration.pk.hex}:{new.dedup_key}",
        title=new.title,
        service=service.name if service else "",
        labels=dict(new.labels or {}),
        at=min(new.starts_at, clock.now()),
        known=known.names,
    )
    decided = _decide(subject, new.dedup_key, integration, known)
    if decided.means == Means.HELD:
        return Placed(None, _row(decided, None))
    incident = _joined(decided) or _opened(new, decided, integration, service)
    _release(decided, incident)
    return Placed(incident, _row(decided, incident))


def _look(integration: Integration) -> grouping.Known:
    now = clock.now()
    found = _looks.get(integration)
    if found is None or not timedelta() <= now - found[0] < _LOOK_LASTS:
        found = _looks[integration] = (now, grouping.known_of(integration.workspace))
    return found[1]


def _decide(
    subject: Subject, dedup_key: str, integration: Integration, known: grouping.Known
) -> Decision:
    homes = grouping.homes_of(dedup_key, integration.pk)
    if homes:
        return decide(subject, homes, known.scene, clock.now())
    candidates = grouping.candidates_for(subject, integration.workspace, known)
    rule = first_that_matches(subject, known.scene.rules)
    scene = known.scene
    if rule is not None and rule.threshold > 1:
        since = subject.at - timedelta(minutes=rule.window_min)
        scene = replace(scene, held=grouping.held_by(rule, since))
    return decide(subject, candidates, scene, clock.now())


def _joined(decided: Decision) -> Incident | None:
    if decided.join is None:
        return None
    return Incident.objects.select_related("workspace", "service").get(pk=decided.join)


def _opened(
    new: NewAlert, decided: Decision, integration: Integration, service: Service | None
) -> Incident:
    incident, _ = incidents.open_or_join(
        workspace=integration.workspace,
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
    return incident


def _release(decided: Decision, incident: Incident) -> None:
    """What its rule held back joins, each with a decision and a line of its own."""
    waited = Alert.objects.filter(pk__in=decided.release, incident__isnull=True)
    for alert in waited.order_by("starts_at", "id"):
        Alert.objects.filter(pk=alert.pk).update(incident=incident)
        reason = f"it waited for {incident.key}: {decided.reason}"
        row = _row(replace(decided, reason=reason), incident)
        row.alert = alert
        row.save()
        timeline.record(
            incident,
            TimelineEvent.Kind.ALERT,
            f"let in “{alert.title}”, which its rule had held back",
            at=alert.starts_at,
            payload={"alert": str(alert.pk)},
        )


def _row(decided: Decision, incident: Incident | None) -> GroupingDecision:
    facts = dict(decided.facts)
    if decided.means == Means.HELD:
        facts["key"] = decided.key
    return GroupingDecision(
        incident=incident,
        means=decided.means,
        reason=decided.reason[:300],
        rule_id=decided.rule,
        score=decided.score,
        threshold=decided.threshold,
        facts=facts,
    )
