"""Saved views of the lists."""

from django.contrib.auth.models import User
from django.db import transaction

from incidents.models import SavedView, Workspace
from incidents.permissions import Permission
from incidents.queries.access import require


@transaction.atomic
def save(
    *, workspace: Workspace, page: SavedView.Page, name: str, query: str, by: User
) -> SavedView:
    """Store a query string under a name; the same name on the same page replaces what was there."""
    require(by, Permission.VIEW, workspace)
    if not name.strip():
        msg = "a view needs a name"
        raise ValueError(msg)
    view, _ = SavedView.objects.update_or_create(
        workspace=workspace,
        owner=by,
        page=page,
        name=name.strip()[:60],
        defaults={"query": query[:500]},
    )
    return view


@transaction.atomic
def delete(*, view: SavedView, by: User) -> None:
    """Only its owner removes a view."""
    require(by, Permission.VIEW, view.workspace)
    SavedView.objects.filter(pk=view.pk, owner=by).delete()
