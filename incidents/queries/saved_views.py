"""The views that people saved of a list: their own, and those that are shared with them."""

from collections.abc import Collection, Mapping
from typing import Protocol, Self
from uuid import UUID

from django.db.models import Q, QuerySet

from incidents.models import SavedView, Workspace
from incidents.queries.access import AnyUser
from incidents.queries.alerts import AlertFilters
from incidents.queries.incident_list import Filters

SHOWN = 20


class Narrowing(Protocol):
    """What every list that has saved views reads from its address."""

    @classmethod
    def parse(cls, given: Mapping[str, str]) -> Self: ...

    def as_query(self, **changed: str) -> str: ...


NARROWED_BY: dict[SavedView.Page, type[Narrowing]] = {
    SavedView.Page.INCIDENTS: Filters,
    SavedView.Page.ALERTS: AlertFilters,
}


def query_of(page: SavedView.Page, given: Mapping[str, str]) -> str:
    """The filter that these words ask for, as the list itself would write it."""
    return NARROWED_BY[page].parse(given).as_query()


def saved_views(
    user: AnyUser, page: SavedView.Page, *, here: Collection[UUID] | QuerySet[Workspace]
) -> list[SavedView]:
    """By name, of one list in these workspaces."""
    mine = Q(owner_id=user.pk) | Q(is_shared=True)
    found = SavedView.objects.filter(mine, page=page, workspace__in=here)
    return list(found.order_by("name")[:SHOWN])
