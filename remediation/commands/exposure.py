"""What an action would touch and how it went before: the facts that risk is made of."""

from datetime import timedelta

from django.db.models import QuerySet

from airra.lib import clock
from analysis.models import Anomaly, Detector, Hypothesis
from analysis.perception.burn_rate import PERIOD_S
from incidents.lifecycle import Severity
from incidents.models import Incident, Service, ServiceDependency
from remediation.commands.limits import fleet_of, history
from remediation.decision.risk import MANY_REPLICAS, Exposure, Reach
from remediation.types import ExecutionState, ExecutorKind, PlannedAction

_ENDED = (
    ExecutionState.SUCCEEDED,
    ExecutionState.DEVIATED,
    ExecutionState.UNDONE,
    ExecutionState.INCONCLUSIVE,
)
HARM = (ExecutionState.DEVIATED, ExecutionState.UNDONE)
_SHARED_KINDS = frozenset({ExecutorKind.POSTGRES})
_SHARED_ACTIONS = frozenset({"cordon", "end_query"})  # a node, a database: others live on it too
_STATEFUL = frozenset({"statefulset", "node", "database"})
_MONTH = timedelta(days=30)


def exposure_of(
    *,
    incident: Incident,
    planned: PlannedAction,
    hypothesis: Hypothesis | None,
    kind: str,
    targets: int = 1,
) -> Exposure:
    """Everything risk looks at, for one planned action or a fan-out over `targets` of its kind."""
    request = planned.request
    service = Service.objects.filter(workspace=incident.workspace, name=request.service).first()
    runs = history(incident.workspace).filter(
        target__step__action=request.action,
        target__step__service_name=request.service,
        state__in=_ENDED,
    )
    return Exposure(
        reversibility=planned.reversibility,
        environment=service.environment if service else "",
        reach=reach_of(planned, kind),
        is_last=is_last(planned),
        targets=targets,
        critical_dependents=critical_dependents(service) if service else 0,
        other_major_incident=_other_major_incident(incident, hypothesis, request.service),
        budget_left=budget_left(service) if service else None,
        runs=runs.count(),
        successes=runs.filter(
            state=ExecutionState.SUCCEEDED, recurred_at__isnull=True, withdrawn_at__isnull=True
        ).count(),
        deviated_recently=runs.filter(state__in=HARM, intent_at__gt=clock.now() - _MONTH).exists(),
    )


def reach_of(planned: PlannedAction, kind: str) -> Reach:
    """By what the target says it is, and by whether one of its parts is named."""
    said = str(planned.before.get("kind", "")).casefold()
    is_shared = kind in _SHARED_KINDS or planned.request.action in _SHARED_ACTIONS
    if is_shared or said in _STATEFUL or planned.before.get("stateful") is True:
        return Reach.SHARED
    is_part = bool(planned.request.target)
    if is_part and fleet_of(planned.before) >= MANY_REPLICAS:
        return Reach.REPLICA
    return Reach.SERVICE


def is_last(planned: PlannedAction) -> bool:
    """One part is touched and no other is left, or all but one are taken away."""
    before = fleet_of(planned.before)
    ready = planned.before.get("ready", before)
    if planned.request.target:
        return before == 1 or (isinstance(ready, int) and before > 0 and ready <= 1)
    return before > 1 and fleet_of(planned.after) == 1


def critical_dependents(service: Service) -> int:
    """Critical services that reach this one in one or two calls."""
    near = set(_callers({service.pk}))
    reached = (near | set(_callers(near))) - {service.pk}
    return Service.objects.filter(pk__in=reached, tier=Service.Tier.CRITICAL).count()


def _callers(services: set[object]) -> QuerySet[ServiceDependency, object]:
    found = ServiceDependency.objects.visible().filter(callee__in=services)
    return found.values_list("caller_id", flat=True)


def budget_left(service: Service) -> float | None:
    """The share of a 30-day error budget that the fast burns of 30 days have left.

    Each burn is taken at the rate of its alarm over its alarm's window and all the time it lasted;
    slow burns are not seen, so there may be less. None when no detector watches a budget here.
    """
    burns = Detector.objects.filter(
        workspace=service.workspace_id, rule=Detector.Rule.BURN_RATE, is_enabled=True
    )
    if not burns.exists():
        return None
    now = clock.now()
    spent: dict[object, float] = {}
    found = Anomaly.objects.filter(service=service, detector__in=burns, last_at__gt=now - _MONTH)
    for anomaly in found:
        since = max(anomaly.started_at, now - _MONTH)
        lasted_s = (anomaly.last_at - since).total_seconds()
        lasted_s += float(anomaly.details.get("window_s", 0.0))
        burnt = float(anomaly.details.get("rate", 0.0)) * lasted_s / PERIOD_S
        spent[anomaly.detector_id] = spent.get(anomaly.detector_id, 0.0) + burnt
    return 1.0 - max(spent.values(), default=0.0)


def _other_major_incident(incident: Incident, hypothesis: Hypothesis | None, service: str) -> bool:
    """A critical incident that this one does not explain."""
    explained = {service, *(hypothesis.path if hypothesis else [])}
    others = Incident.objects.live().filter(
        workspace=incident.workspace, severity=Severity.CRITICAL
    )
    return others.exclude(pk=incident.pk).exclude(service__name__in=explained).exists()
