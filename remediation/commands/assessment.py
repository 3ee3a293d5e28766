"""What the record knows of a planned action: the facts that risk and policy judge."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.db.models import QuerySet

from airra.lib import clock
from analysis.models import Hypothesis
from analysis.types import Mechanism, Outcome
from incidents.lifecycle import Severity
from incidents.models import Incident, Service, ServiceDependency, Workspace
from remediation.decision import policy as rules
from remediation.decision import risk
from remediation.decision.catalog import spec_of
from remediation.models import Execution, Policy
from remediation.types import ExecutionState, Mode, PlannedAction, Risk

_ENDED = (
    ExecutionState.SUCCEEDED,
    ExecutionState.DEVIATED,
    ExecutionState.UNDONE,
    ExecutionState.INCONCLUSIVE,
)
_WITHOUT_EFFECT = (ExecutionState.FAILED, ExecutionState.STALE, ExecutionState.CANCELLED)
_HARM = (ExecutionState.DEVIATED, ExecutionState.UNDONE)


@dataclass(frozen=True)
class Assessment:
    risk: Risk
    ruling: rules.Ruling
    checks: list[dict[str, str | bool]]


def policy_of(workspace: Workspace) -> Policy:
    policy, _ = Policy.objects.get_or_create(workspace=workspace)
    return policy


def freeze_of(policy: Policy, now: datetime) -> str:
    """The reason of the freeze window that is open now, else empty."""
    if (
        policy.freeze_from
        and policy.freeze_until
        and (policy.freeze_from <= now < policy.freeze_until)
    ):
        return policy.freeze_reason or "no reason given"
    return ""


def target_key(endpoint_id: object, target_id: str) -> str:
    return f"{endpoint_id}:{target_id}"


def assess(
    *,
    incident: Incident,
    policy: Policy,
    planned: PlannedAction,
    key: str,
    hypothesis: Hypothesis | None,
    vouched_for: bool,
) -> Assessment:
    """Judge a dry-run action. `key` is its target's lock key."""
    assessed = risk.assess(_exposure(incident, planned, hypothesis))
    case = rules.Case(
        band=assessed.band,
        reversibility=planned.reversibility,
        dry_run=planned.fidelity,
        vouched_for=vouched_for,
    )
    case = _with_belief(case, hypothesis, planned)
    case = _with_limits(case, incident, policy, planned)
    case = _with_recent(case, _history(incident.workspace), planned, key)
    return Assessment(assessed, rules.decide(case), rules.checks(case))


def _with_belief(
    case: rules.Case, hypothesis: Hypothesis | None, planned: PlannedAction
) -> rules.Case:
    if hypothesis is None:
        return case
    identified = (Outcome.ROOT_CAUSE_IDENTIFIED, Outcome.BEST_EFFORT)
    forbidden = spec_of(planned.request.action).forbidden_when
    return replace(
        case,
        confidence=hypothesis.confidence,
        abstained=hypothesis.investigation.outcome not in identified,
        tainted=hypothesis.is_tainted,
        fits=Mechanism(hypothesis.mechanism) not in forbidden,
    )


def _with_limits(
    case: rules.Case, incident: Incident, policy: Policy, planned: PlannedAction
) -> rules.Case:
    allowed = policy.allowed_actions
    return replace(
        case,
        killed=policy.is_killed,
        frozen=freeze_of(policy, clock.now()),
        allowed=not allowed or planned.request.action in allowed,
        actions_on_incident=_history(incident.workspace).filter(plan__incident=incident).count(),
        max_actions_per_incident=policy.max_actions_per_incident,
    )


def _history(workspace: Workspace) -> QuerySet[Execution]:
    """What may have reached production here; undoing is not counted against anything."""
    return Execution.objects.filter(
        plan__incident__workspace=workspace,
        mode=Mode.LIVE,
        kind=Execution.Kind.APPLY,
        intent_at__isnull=False,
    ).exclude(state__in=_WITHOUT_EFFECT)


def _with_recent(
    case: rules.Case, history: QuerySet[Execution], planned: PlannedAction, key: str
) -> rules.Case:
    now = clock.now()
    on_target = history.filter(target_key=key)
    same = on_target.filter(plan__action=planned.request.action)
    cooldown = timedelta(seconds=spec_of(planned.request.action).cooldown_s)
    harm_today = on_target.filter(state__in=_HARM, intent_at__gt=now - timedelta(days=1))
    return replace(
        case,
        actions_last_hour=history.filter(intent_at__gt=now - timedelta(hours=1)).count(),
        same_action_in_6h=same.filter(intent_at__gt=now - timedelta(hours=6)).count(),
        cooling_down=same.filter(intent_at__gt=now - cooldown).exists(),
        unknown_on_target=on_target.filter(state=ExecutionState.UNKNOWN).exists(),
        deviated_last_day=harm_today.exists(),
    )


def _exposure(
    incident: Incident, planned: PlannedAction, hypothesis: Hypothesis | None
) -> risk.Exposure:
    request = planned.request
    service = Service.objects.filter(workspace=incident.workspace, name=request.service).first()
    runs = _history(incident.workspace).filter(
        plan__action=request.action, plan__service_name=request.service, state__in=_ENDED
    )
    a_month_ago = clock.now() - timedelta(days=30)
    return risk.Exposure(
        reversibility=planned.reversibility,
        environment=service.environment if service else "",
        critical_dependents=_critical_dependents(service) if service else 0,
        other_major_incident=_other_major_incident(incident, hypothesis, request.service),
        runs=runs.count(),
        successes=runs.filter(state=ExecutionState.SUCCEEDED).count(),
        deviated_recently=runs.filter(state__in=_HARM, intent_at__gt=a_month_ago).exists(),
    )


def _critical_dependents(service: Service) -> int:
    """Critical services that reach this one in one or two calls."""
    near = set(_callers({service.pk}))
    reached = (near | set(_callers(near))) - {service.pk}
    return Service.objects.filter(pk__in=reached, tier=Service.Tier.CRITICAL).count()


def _callers(services: set[object]) -> QuerySet[ServiceDependency, object]:
    found = ServiceDependency.objects.visible().filter(callee__in=services)
    return found.values_list("caller_id", flat=True)


def _other_major_incident(incident: Incident, hypothesis: Hypothesis | None, service: str) -> bool:
    """A critical incident that this one does not explain."""
    explained = {service, *(hypothesis.path if hypothesis else [])}
    others = Incident.objects.live().filter(
        workspace=incident.workspace, severity=Severity.CRITICAL
    )
    return others.exclude(pk=incident.pk).exclude(service__name__in=explained).exists()
