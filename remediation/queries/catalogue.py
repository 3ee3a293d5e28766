"""The catalogue as one workspace has it: the code's table, less what its rows take away."""

from incidents.models import Service, Workspace
from remediation.decision.catalog import UNLIMITED, Limit
from remediation.models import ActionLimit

_CLOSED = Limit(is_enabled=False)


def limits_in(workspace: Workspace) -> dict[str, Limit]:
    """The limits of a workspace by action; an action without one is as the catalogue has it."""
    return {row.action: limit_of(row) for row in ActionLimit.objects.filter(workspace=workspace)}


def limit_on(workspace: Workspace, action: str) -> Limit:
    row = ActionLimit.objects.filter(workspace=workspace, action=action).first()
    return limit_of(row) if row else UNLIMITED


def limit_of(row: ActionLimit) -> Limit:
    """The row as the engine reads it. One that cannot be read switches the action off."""
    try:
        return Limit(
            is_enabled=row.is_enabled,
            maximums={str(name): float(most) for name, most in row.maximums.items()},
            needs_two=row.needs_two,
            environments=frozenset(str(place) for place in row.environments),
        )
    except (AttributeError, TypeError, ValueError):
        return _CLOSED


def environment_of(workspace: Workspace, service: str) -> str:
    """Where the service runs, or empty when it is not known."""
    places = Service.objects.filter(workspace=workspace, name=service)
    return places.values_list("environment", flat=True).first() or ""
