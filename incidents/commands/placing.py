"""Which incident an alert is put into, and the decision that says why."""

from dataclasses import dataclass, replace
from datetime import timedelta

from airra.lib import clock
from incidents.commands import incident as incidents
from incidents.commands import timeline
from incidents.commands.turn import Turn
from incidents.ingest.alerts import NewAlert
from incidents.ingest.grouping.decide import decide
from incidents.ingest.grouping.rules import first_that_matches
from incidents.ingest.grouping.subjects import subject_of
from incidents.ingest.grouping.types import Candidate, Decision, Means, Subject
from incidents.models import Alert, GroupingDecision, Incident, Integration, Service, TimelineEvent
from incidents.queries import grouping


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

    def record(self, alert: Alert, turn: Turn) -> None:
        """Keep the decision, once the alert is kept."""
        self.decision.alert = alert
        turn.decided(self.decision)


def place(
    new: NewAlert, *, integration: Integration, service: Service | None, turn: Turn
) -> Placed:
    """The incident to join, or a new one, or none yet; with the reason, as people read it."""
    known = turn.known()
    subject = subject_of(
        key=f"{integration.pk.hex}:{new.dedup_key}",
        title=new.title,
        service=service.name if service else "",
        labels=dict(new.labels or {}),
        at=min(new.starts_at, clock.now()),
        known=known.names,
    )
    decided = _decide(subject, new.dedup_key, integration, turn)
    if decided.means == Means.HELD:
        return Placed(None, _row(decided, None))
    if decided.join is not None:
        incident = turn.incident(decided.join)
    else:
        incident = _opened(new, decided, integration, service, turn)
    _release(decided, incident, turn)
    return Placed(incident, _row(decided, incident))


def _decide(subject: Subject, dedup_key: str, integration: Integration, turn: Turn) -> Decision:
    scene = turn.known().scene
    homes = _homes(dedup_key, integration, turn)
    if homes:
        if any(home.is_cleared for home in homes):
            known = {home.id for home in homes}
            homes += [c for c in turn.candidates(subject) if c.id not in known]
        return decide(subject, homes, scene, clock.now())
    candidates = turn.candidates(subject)
    rule = first_that_matches(subject, scene.rules)
    if rule is not None and rule.threshold > 1:
        turn.flush()
        since = subject.at - timedelta(minutes=rule.window_min)
        scene = replace(scene, held=grouping.held_by(rule, since))
    return decide(subject, candidates, scene, clock.now())


def _homes(dedup_key: str, integration: Integration, turn: Turn) -> list[Candidate]:
    """Where this very alert was, of what is open."""
    if turn.is_unheard(integration.pk, dedup_key):
        return []
    found = grouping.homes_of(dedup_key, integration.pk)
    if any(home.is_cleared for home in found):
        turn.flush()  # what this turn has put there fires
        found = grouping.homes_of(dedup_key, integration.pk)
    return found


def _opened(
    new: NewAlert,
    decided: Decision,
    integration: Integration,
    service: Service | None,
    turn: Turn,
) -> Incident:
    incident, is_new = incidents.open_or_join(
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
    turn.opened(incident, is_new=is_new)
    return incident


def _release(decided: Decision, incident: Incident, turn: Turn) -> None:
    """What its rule held back joins, each with a decision and a line of its own."""
    if not decided.release:
        return
    waited = Alert.objects.filter(pk__in=decided.release, incident__isnull=True)
    for alert in waited.select_related("service").order_by("starts_at", "id"):
        Alert.objects.filter(pk=alert.pk).update(incident=incident)
        alert.incident = incident
        turn.joined(alert)
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
