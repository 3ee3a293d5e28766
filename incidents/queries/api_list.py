"""A page of incidents for the API: filters, and a cursor that stays right while rows arrive."""

from django.contrib.auth.models import User

from incidents.models import Incident, Workspace
from incidents.queries.incident_list import Cursor


class BadCursor(ValueError):
    """The cursor is none of ours."""


def incident_page(
    user: User,
    workspace: Workspace,
    *,
    state: str | None,
    severity: str | None,
    is_predicted: bool | None,
    service: str,
    cursor: str,
    limit: int,
) -> tuple[list[Incident], str | None]:
    """Newest first, and the cursor of the next page, if there is one. Raises `BadCursor`."""
    after = Cursor.parse(cursor) if cursor else None
    if cursor and after is None:
        msg = "cursor: expected the `next` of an earlier answer"
        raise BadCursor(msg)
    wanted = {"state": state, "severity": severity, "service__name": service or None}
    found = Incident.objects.visible_to(user).filter(
        workspace=workspace, **{name: value for name, value in wanted.items() if value}
    )
    if is_predicted is not None:
        found = found.filter(is_predicted=is_predicted)
    if after is not None:
        found = found.filter(after.condition())
    ordered = found.select_related("service", "owner", "merged_into").order_by("-opened_at", "-id")
    rows = list(ordered[: limit + 1])
    shown = rows[:limit]
    if len(rows) <= limit:
        return shown, None
    return shown, str(Cursor(shown[-1].opened_at, shown[-1].pk))
