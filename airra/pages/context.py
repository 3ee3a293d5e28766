"""What every page has around it: the rail with its counts, the roles, the theme, the zone."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any
from uuid import UUID

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from airra.lib import zones
from incidents.permissions import Permission
from incidents.queries.shell import Desk, desks
from incidents.views.account import THEMES
from remediation.queries.approval_queue import waiting_per_workspace
from remediation.queries.stops import Stop, stops_for

SECTIONS = (
    "incidents",
    "alerts",
    "approvals",
    "services",
    "detectors",
    "sources",
    "integrations",
    "models",
    "evaluation",
    "audit",
    "account",
    "stop",
    "policy",
)
# Pages that stand under another entry of the rail.
_WITHIN = {"deliveries": "integrations", "silences": "alerts", "grouping": "alerts"}


@dataclass
class Shell:
    """The surroundings of one request; asks the database once, and only if it is looked at."""

    request: HttpRequest

    @cached_property
    def desks(self) -> list[Desk]:
        user = self.request.user
        return desks(user, waiting=waiting_per_workspace()) if user.is_authenticated else []

    @cached_property
    def stops(self) -> list[Stop]:
        """Why AIRRA does not act, for the banner of every page."""
        user = self.request.user
        return stops_for(user) if user.is_authenticated else []

    @property
    def open(self) -> int:
        return sum(desk.live for desk in self.desks)

    @property
    def waiting(self) -> int:
        return sum(desk.waiting for desk in self.desks)

    @property
    def has_critical(self) -> bool:
        return any(desk.has_critical for desk in self.desks)

    @property
    def may_respond(self) -> bool:
        return any(Permission.RESPOND in desk.permissions for desk in self.desks)

    @property
    def may_administer(self) -> bool:
        """The settings need the role and the staff flag both."""
        is_staff = bool(getattr(self.request.user, "is_staff", False))
        return is_staff and any(Permission.ADMINISTER in desk.permissions for desk in self.desks)

    @property
    def may_set_models(self) -> bool:
        """Who may say which models are asked, and at what cost."""
        return any(Permission.ADMINISTER in desk.permissions for desk in self.desks)

    @property
    def may_approve(self) -> bool:
        return any(Permission.APPROVE in desk.permissions for desk in self.desks)

    @property
    def permissions(self) -> dict[UUID, frozenset[Permission]]:
        return {desk.workspace.pk: desk.permissions for desk in self.desks}

    @property
    def tag(self) -> str:
        return f"{self.open}.{self.waiting}.{self.has_critical}"


def shell_of(request: HttpRequest) -> Shell:
    """The request's one shell, shared by its view and its template.

    It is kept on the request, whose user it asks for: in a `WeakKeyDictionary` it would keep the
    request, and so itself and all that a page has read, for ever.
    """
    found: Shell = vars(request).setdefault("_airra_shell", Shell(request))
    return found


def shell(request: HttpRequest) -> dict[str, Any]:
    theme = request.COOKIES.get("theme", "system")
    place = request.path.split("/")[1].removesuffix(".csv")
    place = _WITHIN.get(place, place)
    return {
        "section": place if place in SECTIONS else "",
        "shell": SimpleLazyObject(lambda: shell_of(request)),
        "theme": theme if theme in THEMES else "system",
        "zone": zones.of(request.COOKIES).key,
        "shortcuts": "off" if request.COOKIES.get("shortcuts") == "off" else "on",
    }
