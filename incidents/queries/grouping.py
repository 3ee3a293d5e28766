"""What grouping looks at: the scene of a workspace, and where an alert has been before.

The incidents that it might belong to are on the board (`incidents.queries.board`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Exists, F, Max, OuterRef, Q
from django.db.models.functions import Coalesce

from airra.lib import clock
from incidents.ingest.grouping.decide import Scene
from incidents.ingest.grouping.subjects import as_member, known_names, subject_of
from incidents.ingest.grouping.topology import Topology
from incidents.ingest.grouping.types import Candidate, Held, Member, Params, Rule, Subject, Taught
from incidents.ingest.life import WAITED_FOR
from incidents.ingest.matching import BadMatcher, matchers
from incidents.lifecycle import RESOLVABLE
from incidents.models import (
    Alert,
    GroupingDecision,
    GroupingRule,
    Incident,
    Service,
    ServiceDependency,
    Workspace,
)

Means = GroupingDecision.Means
PARAMS = Params()
TAUGHT_FOR = timedelta(days=180)
MAX_TAUGHT = 300
MAX_SERVICES = 5000
MAX_HELD = 500

# The incident an alert counts for: the one that its own was merged into, if it was.
HOME = Coalesce("incident__merged_into", "incident")

# Of an incident: that it only waits until what flapped in it is quiet (see `commands.settling`).
_WAITED_FOR = Alert.objects.filter(status__in=sorted(WAITED_FOR))
CLEARED = Q(
    ~Exists(_WAITED_FOR.filter(incident=OuterRef("pk"))),
    ~Exists(_WAITED_FOR.filter(incident__merged_into=OuterRef("pk"))),
    source=Incident.Source.ALERT,
    state__in=[str(state) for state in RESOLVABLE],
)


@dataclass(frozen=True)
class Known:
    """What holds for a whole delivery."""

    scene: Scene
    names: Mapping[str, str]


def known_of(workspace: Workspace) -> Known:
    """Topology, names, rules and what people taught; four queries."""
    scene = Scene(topology_of(workspace), rules_of(workspace), taught_in(workspace), params=PARAMS)
    return Known(scene, names_in(workspace))


def names_in(workspace: Workspace) -> Mapping[str, str]:
    """The services that an alert may name."""
    here = Service.objects.filter(workspace=workspace, retired_at__isnull=True)
    return known_names(frozenset(here.values_list("name", flat=True)[:MAX_SERVICES]))


def topology_of(workspace: Workspace) -> Topology:
    edges = ServiceDependency.objects.fresh().filter(caller__workspace=workspace)
    return Topology(edges.values_list("caller__name", "callee__name"), max_hops=PARAMS.max_hops)


def rules_of(workspace: Workspace) -> list[Rule]:
    active = GroupingRule.objects.filter(workspace=workspace, is_active=True)
    return [made for rule in active if (made := as_rule(rule)) is not None]


def as_rule(rule: GroupingRule) -> Rule | None:
    """The rule as the engine takes it; None when its matchers are none, as after a hand edit."""
    try:
        found = matchers(rule.matchers)
    except BadMatcher:
        return None
    return Rule(
        id=rule.pk,
        name=rule.name,
        matchers=found,
        is_any=rule.match == GroupingRule.Match.ANY,
        group_by=tuple(str(label) for label in rule.group_by),
        window_min=rule.window_min,
        threshold=rule.threshold,
        position=rule.position,
    )


def taught_in(workspace: Workspace) -> list[Taught]:
    """Pairs of kinds that people put together or apart, the newest word first."""
    rows = (
        GroupingDecision.objects.filter(
            alert__workspace=workspace,
            means=Means.PERSON,
            by__isnull=False,
            at__gte=clock.now() - TAUGHT_FOR,
        )
        .order_by("-id")
        .values_list("facts", "by__first_name", "by__last_name", "by__username", "at")
    )
    return [
        taught
        for facts, first, last, username, at in rows[:MAX_TAUGHT]
        for taught in _taught(facts, f"{f'{first} {last}'.strip() or username} ({at:%F})")
    ]


def _taught(facts: Mapping[str, Any], said: str) -> Iterable[Taught]:
    own = facts.get("kind", "")
    for name, together in (("together", True), ("apart", False)):
        for kind in facts.get(name, []):
            yield Taught(frozenset((own, kind)), together, said)


def subject_from(alert: Alert, names: Mapping[str, str]) -> Subject:
    """A stored alert as grouping sees it."""
    return subject_of(
        key=f"{alert.integration_id.hex}:{alert.dedup_key}",
        title=alert.title,
        service=alert.service.name if alert.service else "",
        labels=alert.labels,
        at=min(alert.starts_at, clock.now()),
        known=names,
    )


def homes_of(dedup_key: str, integration: UUID) -> list[Candidate]:
    """The live incidents that have had this very alert; three queries."""
    by_person = Q(
        decisions__means=Means.PERSON,
        decisions__by__isnull=False,
        decisions__incident=F("incident"),
    )
    rows = (
        Alert.objects.filter(integration=integration, dedup_key=dedup_key, incident__isnull=False)
        .annotate(home=HOME)
        .values("home")
        .annotate(last=Max("starts_at"), chosen=Max("decisions__at", filter=by_person))
    )
    found = {row["home"]: row for row in rows}
    live = list(Incident.objects.open().filter(pk__in=found).select_related("service"))
    cleared = Incident.objects.filter(CLEARED, pk__in=[each.pk for each in live])
    of_cleared = set(cleared.values_list("pk", flat=True))
    return [
        replace(
            candidate_of(each),
            had_it=found[each.pk]["last"],
            chosen=found[each.pk]["chosen"],
            is_cleared=each.pk in of_cleared,
        )
        for each in live
    ]


def candidate_of(incident: Incident) -> Candidate:
    """An incident as grouping sees it, without the alerts that it has."""
    service = incident.service.name if incident.service else ""
    itself = () if incident.source == Incident.Source.ALERT else (_itself(incident, service),)
    return Candidate(
        id=incident.pk,
        key=incident.key,
        grouping_key=incident.grouping_key,
        service=service,
        opened_at=incident.opened_at,
        members=itself,
    )


def _itself(incident: Incident, service: str) -> Member:
    """An incident that no alert opened is about its own title."""
    return as_member(
        subject_of(
            key="",
            title=incident.title,
            service=service,
            labels={},
            at=incident.started_at,
            known={},
        )
    )


def held_by(rule: Rule, since: datetime) -> list[Held]:
    """The alerts that wait for this rule, and still fire."""
    rows = GroupingDecision.objects.filter(
        means=Means.HELD,
        rule=rule.id,
        alert__incident__isnull=True,
        alert__status=Alert.Status.FIRING,
        alert__starts_at__gte=since,
    ).values_list("alert_id", "facts", "alert__starts_at")
    return [Held(pk, facts.get("key", ""), at) for pk, facts, at in rows.order_by("-id")[:MAX_HELD]]
