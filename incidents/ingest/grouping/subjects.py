"""Alerts as grouping sees them."""

from collections.abc import Mapping
from datetime import datetime

from incidents.ingest.grouping import words
from incidents.ingest.grouping.types import Member, Subject


def known_names(services: frozenset[str]) -> dict[str, str]:
    return {name.lower(): name for name in services}


def subject_of(
    *,
    key: str,
    title: str,
    service: str,
    labels: Mapping[str, str],
    at: datetime,
    known: Mapping[str, str],
) -> Subject:
    """An alert to be placed; `known` is every service there is, by its name in lower case."""
    places = words.places_of(service, title, labels, known)
    return Subject(
        key=key,
        kind=words.kind_of(title, labels, places),
        title=title,
        service=service,
        home=places[0] if places else "",
        places=frozenset(places),
        hosts=words.hosts_of(labels),
        is_own=words.is_own(title) and not words.is_chore(title),
        is_chore=words.is_chore(title),
        labels=labels,
        at=at,
    )


def as_member(subject: Subject) -> Member:
    return Member(
        kind=subject.kind,
        title=subject.title,
        home=subject.home,
        places=subject.places,
        hosts=subject.hosts,
        is_own=subject.is_own,
        is_chore=subject.is_chore,
        at=subject.at,
    )
