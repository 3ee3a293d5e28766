"""The audit log: who did what to what, filtered; rows are never edited."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields

from django.db.models import Q, QuerySet
from django.utils.http import urlencode

from incidents.models import AuditEvent
from incidents.queries.access import AnyUser, workspaces_of

PAGE_SIZE = 50
CSV_LIMIT = 10_000
CSV_HEAD = (
    "at", "actor", "kind", "target_type", "target", "before", "after", "reason", "origin",
    "request_id", "seq", "hash",
)  # fmt: skip


@dataclass(frozen=True)
class AuditFilters:
    """`target` is one thing, as its rows call it: `incident:<id>`."""

    q: str = ""
    actor: str = ""
    kind: str = ""
    target: str = ""

    @classmethod
    def parse(cls, given: Mapping[str, str]) -> "AuditFilters":
        return cls(**{f.name: str(given.get(f.name, "")).strip()[:100] for f in fields(cls)})

    @property
    def is_narrowed(self) -> bool:
        return any((self.q, self.actor, self.kind, self.target))

    def as_query(self, **changed: str) -> str:
        values = {f.name: getattr(self, f.name) for f in fields(self)} | changed
        return urlencode({name: value for name, value in values.items() if value})


@dataclass(frozen=True)
class Change:
    field: str
    before: str
    after: str


@dataclass(frozen=True)
class AuditRow:
    """`seq` and `hash` are its place in the chain."""

    event: AuditEvent
    changes: list[Change]
    seq: int
    hash: str

    @classmethod
    def of(cls, event: AuditEvent) -> "AuditRow":
        link = getattr(event, "link", None)
        place = (link.seq, link.hash) if link else (0, "")
        return cls(event, _changes(event), *place)

    @property
    def about(self) -> str:
        return f"{self.event.target_type}:{self.event.target_id}"


@dataclass(frozen=True)
class AuditPage:
    rows: list[AuditRow]
    next_cursor: int  # 0 on the last page


def _changes(event: AuditEvent) -> list[Change]:
    names = dict.fromkeys([*event.before, *event.after])
    return [
        Change(name, str(event.before.get(name, "")), str(event.after.get(name, "")))
        for name in names
    ]


def _found(filters: AuditFilters, user: AnyUser) -> QuerySet[AuditEvent]:
    here = Q(workspace_id__in=workspaces_of(user).values("pk"))
    if getattr(user, "is_superuser", False):
        here |= Q(workspace_id__isnull=True)
    found = AuditEvent.objects.filter(here).select_related("link").defer("body", "salts")
    if filters.q:
        found = found.filter(Q(target__icontains=filters.q) | Q(reason__icontains=filters.q))
    if filters.actor:
        found = found.filter(actor__icontains=filters.actor)
    if filters.kind:
        found = found.filter(kind__startswith=filters.kind)
    if filters.target:
        kind, _, pk = filters.target.partition(":")
        found = found.filter(target_type=kind, target_id=pk)
    return found.order_by("-id")


def page(filters: AuditFilters, user: AnyUser, *, before: int = 0) -> AuditPage:
    found = _found(filters, user)
    if before:
        found = found.filter(id__lt=before)
    events = list(found[: PAGE_SIZE + 1])
    shown = events[:PAGE_SIZE]
    return AuditPage(
        rows=[AuditRow.of(event) for event in shown],
        next_cursor=shown[-1].pk if len(events) > PAGE_SIZE else 0,
    )


def _harmless(value: object) -> str:
    """A cell that a spreadsheet shows instead of running: no leading formula sign."""
    text = str(value)
    return f"'{text}" if text[:1] in {"=", "+", "-", "@", "\t", "\r"} else text


def csv_rows(filters: AuditFilters, user: AnyUser) -> Iterator[list[str]]:
    yield list(CSV_HEAD)
    for event in _found(filters, user)[:CSV_LIMIT].iterator():
        link = getattr(event, "link", None)
        told = [_harmless(getattr(event, name)) for name in CSV_HEAD[:-2]]
        yield [*told, str(link.seq), link.hash] if link else [*told, "", ""]


def kinds(user: AnyUser) -> list[str]:
    """The families of entries there are: incident, plan, policy."""
    found = _found(AuditFilters(), user).order_by().values_list("kind", flat=True).distinct()
    return sorted({kind.partition(".")[0] for kind in found})
