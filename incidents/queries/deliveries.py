"""Deliveries: what came in, page by page, and one with what it became."""

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields
from uuid import UUID

from django.db.models import Q, QuerySet
from django.shortcuts import get_object_or_404
from django.utils.http import urlencode

from incidents.models import ChangeEvent, Delivery, Incident, Integration, Touch, Workspace
from incidents.queries.access import AnyUser, workspaces_of

PAGE_SIZE = 50
SHOWN_LETTERS = 64 * 1024
SHOWN_ROWS = 100
SEARCHED = 5000  # text has no index that both databases have, so a search reads so many rows
NOT_READ = (Delivery.State.REFUSED, Delivery.State.UNTRUSTED, Delivery.State.FAILED)
# What the list can be narrowed to: a state, what needs somebody, or what needs nobody any more.
STATES = (
    ("not_read", "Not read"),
    ("set_aside", "Set aside"),
    *Delivery.State.choices,
)
TEST_MARK = "x-airra-test"  # the header that says a delivery is a test, and which
_NOT_AGAIN: dict[str, str] = {
    Delivery.State.STORED: "It waits to be read.",
    Delivery.State.PROCESSED: "It has been read: there is nothing to read again.",
}


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


@dataclass(frozen=True)
class DeliveryFilters:
    """What the URL asks for. Unknown values are dropped, so that any URL shows a list."""

    integration: str = ""
    state: str = ""
    q: str = ""

    @classmethod
    def parse(cls, given: Mapping[str, str]) -> "DeliveryFilters":
        values = {f.name: str(given.get(f.name, "")).strip()[:100] for f in fields(cls)}
        return cls(
            integration=values["integration"] if _uuid(values["integration"]) else "",
            state=values["state"] if values["state"] in dict(STATES) else "",
            q=values["q"].replace("\x00", ""),
        )

    @property
    def is_narrowed(self) -> bool:
        return any((self.integration, self.state, self.q))

    def as_query(self, **changed: str) -> str:
        values = {f.name: getattr(self, f.name) for f in fields(self)} | changed
        return urlencode({name: value for name, value in values.items() if value})


@dataclass(frozen=True)
class DeliveryRow:
    delivery: Delivery
    incidents: list[Incident] = field(default_factory=list)


@dataclass(frozen=True)
class DeliveryPage:
    rows: list[DeliveryRow]
    next_cursor: str


@dataclass(frozen=True)
class Body:
    """The body as people may read it: text, indented where it is JSON, cut at a bound."""

    text: str
    size: int
    is_cut: bool
    is_json: bool


def _visible(user: AnyUser, workspace: Workspace | None = None) -> QuerySet[Delivery]:
    here = workspaces_of(user, only=workspace)
    return Delivery.objects.filter(integration__workspace__in=here)


def visible_delivery(
    user: AnyUser, delivery_id: UUID, *, workspace: Workspace | None = None
) -> Delivery:
    """A delivery to a workspace of this user, or to just this one; 404 otherwise."""
    found = _visible(user, workspace).select_related(
        "integration__workspace", "replayed_by", "set_aside_by"
    )
    return get_object_or_404(found, pk=delivery_id)


def page(
    filters: DeliveryFilters,
    user: AnyUser,
    *,
    before: str = "",
    limit: int = PAGE_SIZE,
    workspace: Workspace | None = None,
) -> DeliveryPage:
    """Newest first: an id tells the time. A few queries, however many there are."""
    found = _narrowed(filters, user, workspace).select_related("integration")
    found = found.defer("body", "headers")
    cursor = _uuid(before)
    if cursor is not None:
        found = found.filter(pk__lt=cursor)
    listed = list(found.order_by("-pk")[: limit + 1])
    shown = listed[:limit]
    return DeliveryPage(
        rows=_rows(shown), next_cursor=shown[-1].pk.hex if len(listed) > limit else ""
    )


def _narrowed(
    filters: DeliveryFilters, user: AnyUser, workspace: Workspace | None = None
) -> QuerySet[Delivery]:
    found = _visible(user, workspace)
    if filters.integration:
        found = found.filter(integration_id=filters.integration)
    if filters.state in {"not_read", "set_aside"}:
        is_asking = filters.state == "not_read"
        found = found.filter(state__in=NOT_READ, set_aside_at__isnull=is_asking)
    elif filters.state:
        found = found.filter(state=filters.state)
    if filters.q:
        found = found.filter(pk__in=_that_say(filters.q))
    return found


def not_read(
    filters: DeliveryFilters, user: AnyUser, *, here: Collection[Workspace], after: str = ""
) -> QuerySet[Delivery]:
    """What the filter shows that was not read, in these workspaces, in the order it came.

    What was set aside is among them only where the filter asks for it. `after` is the id of one:
    those that came later.
    """
    found = _narrowed(filters, user).filter(integration__workspace__in=here, state__in=NOT_READ)
    found = found.filter(set_aside_at__isnull=filters.state != "set_aside")
    cursor = _uuid(after)
    return (found if cursor is None else found.filter(pk__gt=cursor)).order_by("pk")


def _that_say(words: str) -> list[UUID]:
    """Those of the newest with anything wrong, whosever they are, that was in these words.

    Asked by itself, in two steps: as conditions of the list's own question, PostgreSQL would read
    the text of every row before them, and SQLite every row of an integration.
    """
    wrong = Delivery.objects.exclude(error="").order_by("-pk").values_list("pk", flat=True)
    newest = wrong
    for oldest in wrong[SEARCHED - 1 : SEARCHED]:
        newest = wrong.filter(pk__gte=oldest)
    return list(newest.filter(Q(error__icontains=words) | Q(error_field__icontains=words)))


def latest(integration: Integration, *, limit: int = 10) -> list[DeliveryRow]:
    found = integration.deliveries.select_related("integration").defer("body", "headers")
    return _rows(list(found.order_by("-pk")[:limit]))


def _rows(shown: list[Delivery]) -> list[DeliveryRow]:
    """With the incidents that the alerts of each belong to: two queries for all of them."""
    pairs = Touch.objects.filter(delivery__in=shown, alert__incident__isnull=False).order_by()
    linked = list(pairs.values_list("delivery_id", "alert__incident_id").distinct())
    incidents = Incident.objects.in_bulk({incident for _, incident in linked})
    became: dict[UUID | None, list[Incident]] = {}
    for delivery, incident in linked:
        if incident in incidents:
            became.setdefault(delivery, []).append(incidents[incident])
    return [DeliveryRow(each, became.get(each.pk, [])) for each in shown]


def changes_of(delivery: Delivery) -> list[ChangeEvent]:
    return list(delivery.changes.select_related("service").order_by("id")[:SHOWN_ROWS])


def tag_of(delivery: Delivery) -> str:
    """Changes whenever what became of it does."""
    shown = delivery.touches.order_by("id").values_list(
        "id", "alert__status", "alert__severity", "alert__incident__state"
    )
    told = [delivery.state, delivery.error, delivery.set_aside_at, *shown[:SHOWN_ROWS]]
    return hashlib.sha256(repr(told).encode()).hexdigest()[:16]


def is_test(delivery: Delivery) -> bool:
    return TEST_MARK in delivery.headers


def why_not_replayed(delivery: Delivery) -> str:
    """Why it cannot be read again; empty when it can."""
    if delivery.body_dropped_at is not None:
        return "Its body is gone: its keeping time was over."
    if delivery.state == Delivery.State.UNTRUSTED:
        return delivery.note
    return _NOT_AGAIN.get(delivery.state, "")


def asking(integration: Integration) -> QuerySet[Delivery]:
    """What was refused of a sender, and nobody has set aside."""
    return integration.deliveries.filter(state=Delivery.State.REFUSED, set_aside_at=None)


def is_asking(delivery: Delivery) -> bool:
    return delivery.state in NOT_READ and delivery.set_aside_at is None


def refused(integration: Integration) -> int:
    return asking(integration).count()


def senders(user: AnyUser) -> list[Integration]:
    """What the list can be narrowed to."""
    here = Integration.objects.visible_to(user).exclude(kind=Integration.Kind.OTLP)
    return list(here.select_related("workspace").order_by("name"))


def body_of(delivery: Delivery, *, shown: int = SHOWN_LETTERS) -> Body:
    raw = bytes(delivery.body)
    text, is_json = _readable(raw)
    is_cut = len(text) > shown or len(raw) > SHOWN_LETTERS
    return Body(text[:shown], len(raw), is_cut, is_json)


def _readable(raw: bytes) -> tuple[str, bool]:
    """Indented where it is JSON of a size that is shown as a whole; as it came otherwise."""
    if len(raw) <= SHOWN_LETTERS:
        try:
            return json.dumps(json.loads(raw), indent=2, ensure_ascii=False), True
        except (ValueError, RecursionError):
            pass
    return raw[:SHOWN_LETTERS].decode(errors="replace"), False
