"""Changing the policy of a workspace: what tightens is free, what loosens must be justified.

A change raises the version, which voids every approval given under the old one, and leaves the
whole policy before and after in the audit record.
"""

import math
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F

from incidents.commands import audit
from incidents.permissions import Permission
from incidents.queries.access import require
from remediation.commands.limits import rules_of_policy
from remediation.commands.refusal import Refused
from remediation.decision.rules import Rules, loosenings
from remediation.models import ActionLimit, FreezeWindow, Policy
from remediation.queries.catalogue import limit_of
from remediation.types import Mode


def as_told(policy: Policy) -> dict[str, Any]:
    """Everything a policy says, as the audit record keeps it."""
    return {
        **rules_of_policy(policy).as_json(),
        "default_mode": str(policy.default_mode),
        "approval_minutes": policy.approval_minutes,
    }


def what_loosens(old: Policy, new: Policy) -> list[str]:
    """Each thing that `new` allows and `old` does not, in words."""
    found = loosenings(rules_of_policy(old), rules_of_policy(new))
    if new.approval_minutes > old.approval_minutes:
        found.append(
            f"an approval waits longer: {old.approval_minutes} min becomes {new.approval_minutes}"
        )
    if old.default_mode == Mode.DRY_RUN and new.default_mode == Mode.LIVE:
        found.append("live is offered first")
    return found


def fields_of(rules: Rules) -> dict[str, Any]:
    """The columns of a policy that hold these rules."""
    told = rules.as_json()
    return {
        "matrix": told["matrix"],
        "allowed_actions": told["actions"],
        "allowed_environments": told["environments"],
        "max_actions_per_incident": rules.limits.per_incident,
        "max_actions_per_target": rules.limits.per_target,
        "max_actions_nearby": rules.limits.nearby,
        "max_fleet_share": rules.limits.fleet_share,
        "max_actions_per_hour": rules.limits.per_hour,
    }


def check_loosening(found: list[str], *, may_loosen: bool, reason: str) -> None:
    """Raise `Refused` when something loosens without the right or without a reason."""
    if not found:
        return
    what = "; ".join(found)
    if not may_loosen:
        msg = f"this loosens the policy, which needs your password once more: {what}"
        raise Refused("loosens", msg)
    if not reason.strip():
        raise Refused("reason", f"this loosens the policy, say why: {what}")


@transaction.atomic
def change(*, policy: Policy, by: User, reason: str, may_loosen: bool, **fields: Any) -> Policy:
    """Set `fields`. Raises `NotPermitted`, `BadRules`, or `Refused` when it may not loosen so."""
    require(by, Permission.ADMINISTER, policy.workspace)
    old = Policy.objects.select_for_update().get(pk=policy.pk)
    new = Policy.objects.get(pk=policy.pk)
    for name, value in fields.items():
        setattr(new, name, value)
    before, after = as_told(old), as_told(new)
    if before == after:
        return old
    check_loosening(what_loosens(old, new), may_loosen=may_loosen, reason=reason)
    new.version = F("version") + 1
    new.save(update_fields=[*fields, "version"])
    new.refresh_from_db()
    audit.record(
        "policy.changed",
        target=new,
        by=by,
        before={**before, "version": old.version},
        after={**after, "version": new.version},
        reason=reason,
    )
    return new


def window_loosens(old: FreezeWindow | None, new: FreezeWindow | None) -> list[str]:
    """What a change of freeze windows lets happen that was frozen before, in words."""
    if old is None:
        return []
    if new is None:
        return [f"“{old.reason}” is no longer frozen"]
    narrower = (
        new.starts_at > old.starts_at,
        new.ends_at < old.ends_at,
        old.is_weekly and not new.is_weekly,
        bool(new.environment) and new.environment != old.environment,
        new.service_id is not None and new.service_id != old.service_id,
        # The same hours of another week are other hours.
        old.is_weekly and new.is_weekly and new.starts_at != old.starts_at,
        new.workspace_id != old.workspace_id,
    )
    return [f"“{old.reason}” freezes less than before"] if any(narrower) else []


def limit_loosens(old: ActionLimit | None, new: ActionLimit | None) -> list[str]:
    """What a change of a workspace's limit on an action allows that was not allowed, in words."""
    if old is None:
        return []
    if new is None or (new.action, new.workspace_id) != (old.action, old.workspace_id):
        return [f"{old.action} is no longer limited"]
    was, will = limit_of(old), limit_of(new)
    found = {
        "it is switched on": will.is_enabled and not was.is_enabled,
        "one person is enough": was.needs_two and not will.needs_two,
        "it may be done in more environments": was.environments
        and (not will.environments or will.environments - was.environments),
        **{
            f"{name} may be above {most:g}": will.maximums.get(name, math.inf) > most
            for name, most in was.maximums.items()
        },
    }
    return [f"{old.action}: {words}" for words, is_looser in found.items() if is_looser]
