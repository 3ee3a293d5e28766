"""What has been done and is going on, counted against the limits of a policy.

Every target of every step counts by itself, once it may have reached production: neither a second
step nor a fan-out slips under a limit. Undoing is counted for and against nothing: what was done
must always be possible to take back.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db.models import F, Q, QuerySet

from airra.lib import clock
from incidents.models import ServiceDependency, Workspace
from remediation.decision import limits as limiting
from remediation.decision.limits import Counts
from remediation.decision.rules import Rules, rules_of
from remediation.execution.protocol import Facts
from remediation.models import Execution, Policy, Step
from remediation.types import HOLDS_TARGET, ExecutionState, Mode

_WITHOUT_EFFECT = (ExecutionState.FAILED, ExecutionState.STALE, ExecutionState.CANCELLED)
SIX_HOURS = timedelta(hours=6)


@dataclass(frozen=True)
class Held:
    """What holds a claim back. `passes`: it may simply be tried again later."""

    reason: str
    passes: bool


def rules_of_policy(policy: Policy) -> Rules:
    """The rules as they are stored. Raises `BadRules` on what no form would have stored."""
    return rules_of(
        {
            "matrix": policy.matrix,
            "limits": {
                "per_incident": policy.max_actions_per_incident,
                "per_target": policy.max_actions_per_target,
                "nearby": policy.max_actions_nearby,
                "fleet_share": policy.max_fleet_share,
                "per_hour": policy.max_actions_per_hour,
            },
            "actions": policy.allowed_actions,
            "environments": policy.allowed_environments,
        }
    )


def history(workspace: Workspace | None = None) -> QuerySet[Execution]:
    """What may have reached production: here, or in the whole installation."""
    found = Execution.objects.filter(
        mode=Mode.LIVE, kind=Execution.Kind.APPLY, intent_at__isnull=False
    ).exclude(state__in=_WITHOUT_EFFECT)
    return found.filter(plan__incident__workspace=workspace) if workspace else found


def in_flight(workspace: Workspace) -> QuerySet[Execution]:
    """What holds a target now, undos too."""
    return Execution.objects.filter(
        plan__incident__workspace=workspace, mode=Mode.LIVE, state__in=HOLDS_TARGET
    )


def of_services(found: QuerySet[Execution], services: Collection[str]) -> QuerySet[Execution]:
    """Those whose own step acts on one of the services, whatever step of its plan that is."""
    return found.filter(target__step__service_name__in=services)


def neighbourhood(workspace: Workspace, service: str) -> set[str]:
    """The service itself, those it calls and those that call it."""
    edges = ServiceDependency.objects.visible().filter(
        Q(caller__name=service) | Q(callee__name=service), caller__workspace=workspace
    )
    pairs = edges.values_list("caller__name", "callee__name")
    return {service, *(name for pair in pairs for name in pair)}


def counts_for(
    *,
    workspace: Workspace,
    incident_id: UUID,
    service: str,
    target_key: str,
    fleet: int = 0,
    step: Step | None = None,
    ahead: Sequence[str] = (),
) -> Counts:
    """What counts for one target.

    Its own `step` does not stand in its way nearby: how many of a step may be in flight at once is
    the ramp's, within the share of the fleet. `ahead` are the keys of the targets that the plan
    acts on before this one, while it is only a proposal: they count as done.
    """
    now = clock.now()
    done, flying = history(workspace), in_flight(workspace)
    on_target = done.filter(target_key=target_key, intent_at__gt=now - SIX_HOURS)
    elsewhere = flying.exclude(target__step=step) if step is not None else flying
    last_hour = history().filter(intent_at__gt=now - timedelta(hours=1))
    return Counts(
        on_incident=done.filter(plan__incident_id=incident_id).count() + len(ahead),
        on_target=on_target.count() + ahead.count(target_key),
        nearby=of_services(elsewhere, neighbourhood(workspace, service)).count(),
        of_fleet=of_services(flying, [service]).count(),
        fleet=fleet,
        last_hour=last_hour.count() + len(ahead),
    )


def fleet_of(before: Mapping[str, Any]) -> int:
    """How many replicas the target said there are; 0 when it did not say."""
    replicas = before.get("replicas", before.get("desired_replicas", 0))
    return replicas if isinstance(replicas, int) and replicas > 0 else 0


def take_turn() -> None:
    """Claims go one at a time: an UPDATE of the oldest policy holds its row until commit.

    Otherwise two workers could each see no neighbour in flight and both begin.
    """
    oldest = Policy.objects.order_by("pk").values("pk")[:1]
    Policy.objects.filter(pk__in=list(oldest.values_list("pk", flat=True))).update(
        version=F("version")
    )


def limits_hold(execution: Execution) -> Held | None:
    """Whether a limit keeps this execution from being claimed now. Nothing holds an undo."""
    if execution.kind == Execution.Kind.UNDO:
        return None
    incident, target = execution.plan.incident, execution.target
    if target is None:
        return Held("it names no target", passes=False)
    counts = counts_for(
        workspace=incident.workspace,
        incident_id=incident.pk,
        service=target.step.service_name,
        target_key=execution.target_key,
        fleet=fleet_of(target.before),
        step=target.step,
    )
    policy = Policy.objects.get(workspace=incident.workspace)
    found = limiting.reached(rules_of_policy(policy).limits, counts)
    if not found:
        return None
    lasting = [rule for rule in found if not rule.passes]
    return Held("; ".join(rule.reason for rule in lasting or found), passes=not lasting)


def held_back(facts: Facts, held: Held | None) -> Facts:
    """A limit that passes is like a target that is not free; one that does not is like a stop."""
    if held is None:
        return facts
    return replace(facts, target_is_free=False) if held.passes else replace(facts, is_stopped=True)
