"""What the record knows of a planned action: the facts that policy judges, and its judgement."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial

from airra.lib import clock
from analysis.models import Hypothesis
from analysis.queries import companions
from analysis.queries.investigations import FEW_LABELS
from analysis.types import Mechanism, Outcome
from incidents.commands.settling import alerts_of
from incidents.models import Incident, Service, ServiceDependency, Workspace
from remediation.commands.exposure import HARM, exposure_of
from remediation.commands.limits import (
    SIX_HOURS,
    counts_for,
    fleet_of,
    history,
    in_flight,
    neighbourhood,
    of_services,
    rules_of_policy,
)
from remediation.decision import policy as rules
from remediation.decision import risk
from remediation.decision.catalog import spec_of
from remediation.decision.masking import WINDOW_S, Deed, masks, sizes
from remediation.models import ActionEndpoint, Plan, Policy, PolicyRuling
from remediation.queries import stops
from remediation.types import ExecutionState, PlannedAction, Risk

_IDENTIFIED = (Outcome.ROOT_CAUSE_IDENTIFIED, Outcome.BEST_EFFORT)


@dataclass(frozen=True)
class Assessment:
    """Risk and ruling, with the case they were made of."""

    risk: Risk
    ruling: rules.Ruling
    checks: list[dict[str, str | bool]]
    case: rules.Case


@dataclass(frozen=True)
class Ahead:
    """A target that the same plan acts on earlier: it counts as done, though nothing is yet."""

    key: str
    planned: PlannedAction


@dataclass(frozen=True)
class Known:
    """What its caller knows of an action beyond its dry run."""

    is_confirmed: bool = False  # a person confirmed the cause
    is_asked_for: bool = False  # a person wants this action, whatever the reasoner believes
    targets: int = 1  # of a fan-out
    ahead: tuple[Ahead, ...] = ()  # what its plan does before it


def policy_of(workspace: Workspace) -> Policy:
    policy, _ = Policy.objects.get_or_create(workspace=workspace)
    return policy


def target_key(endpoint_id: object, target_id: str) -> str:
    return f"{endpoint_id}:{target_id}"


def assess(
    *,
    incident: Incident,
    policy: Policy,
    planned: PlannedAction,
    endpoint: ActionEndpoint,
    hypothesis: Hypothesis | None,
    known: Known | None = None,
) -> Assessment:
    """Judge a dry-run action. Stores nothing."""
    known = known or Known()
    exposure = exposure_of(
        incident=incident,
        planned=planned,
        hypothesis=hypothesis,
        kind=endpoint.kind,
        targets=known.targets,
    )
    assessed = risk.assess(exposure)
    case = rules.Case(
        band=assessed.band,
        action=planned.request.action,
        environment=exposure.environment,
        reversibility=planned.reversibility,
        dry_run=planned.fidelity,
        owner=planned.owner,
        failed=tuple(c.name for c in planned.checks if not c.ok and c.is_fatal),
        doubtful=tuple(c.name for c in planned.checks if not c.ok and not c.is_fatal),
        vouched_for=known.is_confirmed or known.is_asked_for,
        is_calibrated=is_calibrated(incident.workspace),
        incidents_at_once=len(companions.group(incident).members),
        alert_is_flapping=alerts_of(incident).filter(is_flapping=True).exists(),
        topology_is_stale=topology_is_stale(incident.workspace, planned.request.service),
    )
    case = _with_belief(case, hypothesis, planned)
    if known.is_asked_for or hypothesis is None:
        case = replace(case, confidence=0.0)  # the belief is in a cause, and not in this action
    case = _with_stops(case, incident.workspace, endpoint, planned.request.service)
    key = target_key(endpoint.pk, planned.target_id)
    case = _with_history(case, incident, planned, key, known.ahead)
    case = replace(case, masked=_masked(incident.workspace, planned, hypothesis, key, known.ahead))
    under = rules_of_policy(policy)
    return Assessment(assessed, rules.decide(case, under), rules.checks(case, under), case)


def keep(
    assessment: Assessment,
    *,
    incident: Incident,
    policy: Policy,
    title: str,
    hypothesis: Hypothesis | None,
    plan: Plan | None = None,
) -> PolicyRuling:
    """Store what policy said and every fact of it; `plan` None is what never became one."""
    return PolicyRuling.objects.create(
        workspace=incident.workspace,
        incident=incident,
        plan=plan,
        hypothesis=hypothesis,
        at=clock.now(),
        title=title[:200],
        facts=assessment.case.as_json(),
        risk_score=assessment.risk.score,
        decision=assessment.ruling.decision,
        reasons=list(assessment.ruling.reasons),
        policy_version=policy.version,
    )


def is_calibrated(workspace: Workspace) -> bool:
    """Whether people here have judged enough hypotheses to know what a confidence is worth."""
    judged = Hypothesis.objects.filter(investigation__incident__workspace=workspace)
    return judged.exclude(verdict="").count() >= FEW_LABELS


def topology_is_stale(workspace: Workspace, service: str) -> bool:
    """Edges of the service are known, and none of them was seen lately or said by people."""
    found = Service.objects.filter(workspace=workspace, name=service).first()
    if found is None:
        return False
    edges = ServiceDependency.objects.visible()
    touching = edges.filter(caller=found) | edges.filter(callee=found)
    fresh = ServiceDependency.objects.fresh().filter(pk__in=touching.values("pk"))
    return touching.exists() and not fresh.exists()


def _with_belief(
    case: rules.Case, hypothesis: Hypothesis | None, planned: PlannedAction
) -> rules.Case:
    if hypothesis is None:
        return case
    forbidden = spec_of(planned.request.action).forbidden_when
    return replace(
        case,
        confidence=hypothesis.confidence,
        abstained=hypothesis.investigation.outcome not in _IDENTIFIED,
        tainted=hypothesis.is_tainted,
        fits=Mechanism(hypothesis.mechanism) not in forbidden,
    )


def _masked(
    workspace: Workspace,
    planned: PlannedAction,
    hypothesis: Hypothesis | None,
    key: str,
    ahead: Sequence[Ahead],
) -> str:
    """Why it would only hide the trouble, by what reaches this target within a day."""
    now = clock.now()
    since = now - timedelta(seconds=WINDOW_S)
    done = history(workspace).filter(target_key=key, intent_at__gt=since)
    past = [
        Deed(
            action=row.target.step.action,
            mechanism=row.plan.hypothesis.mechanism if row.plan.hypothesis else "",
            at=row.intent_at.timestamp(),
            sizes=sizes(row.target.before, row.target.after),
        )
        for row in done.select_related("plan__hypothesis", "target__step")
        if row.intent_at and row.target
    ]
    deed = partial(_deed, hypothesis=hypothesis, at=now.timestamp())
    past += [deed(each.planned) for each in ahead if each.key == key]
    return masks(deed(planned), past)


def _deed(planned: PlannedAction, *, hypothesis: Hypothesis | None, at: float) -> Deed:
    return Deed(
        action=planned.request.action,
        mechanism=hypothesis.mechanism if hypothesis else "",
        at=at,
        sizes=sizes(planned.before, planned.after),
    )


def _with_stops(
    case: rules.Case, workspace: Workspace, endpoint: ActionEndpoint, service: str
) -> rules.Case:
    place = stops.Place(workspace.pk, case.environment, service, endpoint.kind, endpoint.pk)
    return replace(case, killed=stops.killed([place]), frozen=stops.frozen([place], clock.now()))


def _with_history(
    case: rules.Case,
    incident: Incident,
    planned: PlannedAction,
    key: str,
    ahead: Sequence[Ahead],
) -> rules.Case:
    now, workspace, service = clock.now(), incident.workspace, planned.request.service
    action = planned.request.action
    on_target = history(workspace).filter(target_key=key)
    same = on_target.filter(target__step__action=action)
    again = sum(each.key == key and each.planned.request.action == action for each in ahead)
    cooldown = timedelta(seconds=spec_of(action).cooldown_s)
    unknown = in_flight(workspace).filter(state=ExecutionState.UNKNOWN)
    near = of_services(unknown.exclude(target_key=key), neighbourhood(workspace, service))
    return replace(
        case,
        counts=counts_for(
            workspace=workspace,
            incident_id=incident.pk,
            service=service,
            target_key=key,
            fleet=fleet_of(planned.before),
            ahead=[each.key for each in ahead],
        ),
        same_action_in_6h=same.filter(intent_at__gt=now - SIX_HOURS).count() + again,
        cooling_down=again > 0 or same.filter(intent_at__gt=now - cooldown).exists(),
        unknown_on_target=unknown.filter(target_key=key).exists(),
        unknown_nearby=near.exists(),
        deviated_last_day=on_target.filter(
            state__in=HARM, intent_at__gt=now - timedelta(days=1)
        ).exists(),
    )
