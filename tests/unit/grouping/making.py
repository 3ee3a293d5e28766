"""Alerts and incidents for the grouping engine, in a few words."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from uuid import UUID

from incidents.ingest.grouping.decide import Scene, decide
from incidents.ingest.grouping.subjects import as_member, known_names, subject_of
from incidents.ingest.grouping.topology import Topology
from incidents.ingest.grouping.types import Candidate, Decision, Member, Subject

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
# gateway calls two branches, which share nothing but a database far below.
SHOP = Topology(
    [
        ("gateway", "checkout"),
        ("gateway", "search"),
        ("checkout", "payments"),
        ("payments", "ledger"),
        ("search", "index"),
        ("index", "disks"),
    ]
)
NAMES = known_names(SHOP.services)


def alert(
    service: str = "payments",
    title: str = "HighLatency",
    *,
    min_ago: float = 0,
    labels: Mapping[str, str] | None = None,
    key: str = "",
) -> Subject:
    return subject_of(
        key=key or f"{service} {title}",
        title=title,
        service=service,
        labels=labels or {},
        at=NOW - timedelta(minutes=min_ago),
        known=NAMES,
    )


def member(
    service: str = "payments",
    title: str = "HighLatency",
    *,
    min_ago: float = 0,
    labels: Mapping[str, str] | None = None,
) -> Member:
    return as_member(alert(service, title, min_ago=min_ago, labels=labels))


def incident(
    number: int,
    *members: Member,
    had_min_ago: float | None = None,
    chosen_min_ago: float | None = None,
    grouping_key: str = "",
    is_cleared: bool = False,
) -> Candidate:
    def ago(minutes: float | None) -> datetime | None:
        return None if minutes is None else NOW - timedelta(minutes=minutes)

    return Candidate(
        id=UUID(int=number),
        key=f"INC-{number}",
        grouping_key=grouping_key or f"service:{members[0].home if members else number}",
        service=members[0].home if members else "",
        opened_at=min((m.at for m in members), default=NOW),
        members=members,
        had_it=ago(had_min_ago),
        chosen=ago(chosen_min_ago),
        is_cleared=is_cleared,
    )


def place(subject: Subject, *incidents: Candidate, scene: Scene | None = None) -> Decision:
    return decide(subject, incidents, scene or Scene(SHOP), NOW)
