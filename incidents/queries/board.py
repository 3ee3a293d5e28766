"""What is open in a workspace, read once and kept up to date in memory while its turn lasts.

It answers as the database would, so what its turn writes has to be told to it: an incident opened
or ended, an alert put into one, a service made. What others write meanwhile it does not see.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Max, Min, QuerySet

from airra.lib import clock
from incidents.ingest.grouping.rules import first_that_matches, key_of
from incidents.ingest.grouping.subjects import as_member, subject_of
from incidents.ingest.grouping.types import Candidate, Member, Subject
from incidents.models import Alert, Incident, Workspace
from incidents.queries.grouping import PARAMS, Known, candidate_of

MAX_MEMBERS = 600  # of all incidents together, that one alert is compared with
MAX_LOOKED_AT = 20_000  # alerts that are kept in memory, the newest
WINDOW = timedelta(minutes=PARAMS.window_min)
_SPARE = timedelta(minutes=10)  # read further back than asked, for the next one may be older
_AT_ONCE = 500  # incidents that one query names


@dataclass(slots=True)
class _Row:
    """An alert of an open incident; how grouping sees it is worked out when it is looked at."""

    home: UUID
    title: str
    service: str
    labels: Mapping[str, str]
    at: datetime
    member: Member | None = None

    def as_member(self, names: Mapping[str, str], now: datetime) -> Member:
        if self.member is None:
            self.member = as_member(
                subject_of(
                    key="",
                    title=self.title,
                    service=self.service,
                    labels=self.labels,
                    at=self.at,
                    known=names,
                )
            )
        return self.member if self.at <= now else replace(self.member, at=now)

    def names_one_of(self, names: Iterable[str]) -> bool:
        told = " ".join((self.title, *self.labels.values())).lower()
        return any(name in told for name in names)


@dataclass(frozen=True)
class Held:
    """What a board held at one time."""

    incidents: dict[UUID, Incident]
    bare: dict[UUID, Candidate]
    home: dict[UUID, UUID]
    onsets: dict[UUID, dict[str, datetime]]
    last: dict[UUID, datetime]
    rows: dict[str, list[_Row]]
    since: datetime | None
    known: Known


class Board:
    """The open incidents of a workspace with their alerts, as candidates for an alert."""

    def __init__(self, workspace: Workspace, known: Known) -> None:
        self._known = known
        live = Incident.objects.open().filter(workspace=workspace)
        self._incidents = {found.pk: found for found in live.select_related("workspace", "service")}
        self._bare = {pk: candidate_of(found) for pk, found in self._incidents.items()}
        merged = Incident.objects.filter(workspace=workspace, merged_into__in=live)
        self._home = {pk: pk for pk in self._incidents}
        self._home |= {one.pk: one.merged_into_id for one in merged if one.merged_into_id}
        self._onsets: dict[UUID, dict[str, datetime]] = {}
        self._last: dict[UUID, datetime] = {}
        for home, service, first, last in self._spans():
            self._note(home, service, first, last)
        self._rows: dict[str, list[_Row]] = defaultdict(list)
        self._since: datetime | None = None
        self._near: dict[str, frozenset[str]] = {}
        self._lent: set[UUID] = set()

    # What its turn has written.

    def opened(self, incident: Incident) -> None:
        self._incidents[incident.pk] = incident
        self._bare[incident.pk] = candidate_of(incident)
        self._home[incident.pk] = incident.pk

    def ended(self, incident: Incident) -> None:
        self._incidents.pop(incident.pk, None)
        self._bare.pop(incident.pk, None)

    def joined(self, alert: Alert) -> None:
        """An alert is in its incident now; one from before what was read is read when needed."""
        home = self._home.get(alert.incident_id) if alert.incident_id else None
        if home is None:
            return
        service = alert.service.name if alert.service else ""
        self._note(home, service, alert.starts_at, alert.starts_at)
        if self._since is not None and alert.starts_at >= self._since:
            row = _Row(home, alert.title, service, alert.labels, alert.starts_at)
            self._rows[service].append(row)

    def learn(self, known: Known) -> None:
        """The names of services have changed: what an alert names may be one of them now."""
        changed = {name for name, _ in self._known.names.items() ^ known.names.items()}
        self._known = known
        for row in self._all():
            if row.names_one_of(changed):
                row.member = None

    # For what may be rolled back.

    def held(self) -> Held:
        return Held(
            incidents=dict(self._incidents),
            bare=dict(self._bare),
            home=dict(self._home),
            onsets={pk: dict(onsets) for pk, onsets in self._onsets.items()},
            last=dict(self._last),
            rows={service: list(rows) for service, rows in self._rows.items()},
            since=self._since,
            known=self._known,
        )

    def go_back(self, held: Held) -> None:
        """Hold that again, after all that was written since then was rolled back."""
        self._incidents, self._bare, self._home = held.incidents, held.bare, held.home
        self._onsets, self._last, self._since = held.onsets, held.last, held.since
        self._rows = defaultdict(list, held.rows)
        self.learn(held.known)  # services that were made are gone
        lent, self._lent = self._lent & self._incidents.keys(), set()
        live = Incident.objects.open().select_related("workspace", "service")
        read = live.in_bulk(list(lent)) if lent else {}
        for pk in lent:  # whoever got one may have changed it
            if pk in read:
                self._incidents[pk] = read[pk]
            else:
                self.ended(self._incidents[pk])

    @property
    def since(self) -> datetime | None:
        """How far back it has read alerts."""
        return self._since

    # What it answers.

    def incident(self, pk: UUID) -> Incident | None:
        self._lent.add(pk)
        return self._incidents.get(pk)

    def reaches(self, subject: Subject) -> bool:
        """Whether it can say the candidates of this alert without reading."""
        return self._since is not None and self._since <= subject.at - WINDOW

    def reach(self, subject: Subject) -> None:
        """Read the alerts that it lacks. What is not written yet cannot be read: write it first."""
        if not self.reaches(subject):
            self.read_back_to(subject.at - WINDOW - _SPARE)

    def read_back_to(self, since: datetime) -> None:
        for row in self._read(since, self._since):
            self._rows[row.service].append(row)
        self._since = since

    def candidates(self, subject: Subject) -> list[Candidate]:
        """The open incidents that are near enough in time, with their alerts near in topology.

        Beyond the window nothing is alike, so older incidents come only for their grouping key.
        Onsets come with members alone: where nothing is near, nothing is compared.
        """
        since, until = subject.at - WINDOW, subject.at + WINDOW
        stems = (f"service:{subject.service}", *self._rule_stems(subject))
        members = self._members(subject, since, until)
        found = []
        for pk, bare in self._bare.items():
            if pk not in self._onsets and not (
                since <= self._incidents[pk].started_at <= until
                or bare.grouping_key.startswith(stems)
            ):
                continue
            mine = (*members.get(pk, ()), *bare.members)
            onsets = self._onsets.get(pk, {}) if mine else {}
            found.append(replace(bare, members=mine, onsets=onsets, last_at=self._last.get(pk)))
        return found

    def _rule_stems(self, subject: Subject) -> list[str]:
        rule = first_that_matches(subject, self._known.scene.rules)
        return [key_of(subject, rule)] if rule else []

    def _members(
        self, subject: Subject, since: datetime, until: datetime
    ) -> dict[UUID, list[Member]]:
        """Their newest alerts within the window that could be tied to this one."""
        rows = [
            row
            for row in self._within_reach(subject)
            if since <= row.at <= until and row.home in self._incidents
        ]
        if len(rows) > MAX_MEMBERS:
            rows = sorted(rows, key=lambda row: row.at, reverse=True)[:MAX_MEMBERS]
        names, now = self._known.names, clock.now()
        found: dict[UUID, list[Member]] = defaultdict(list)
        for row in rows:
            found[row.home].append(row.as_member(names, now))
        return found

    def _within_reach(self, subject: Subject) -> Iterator[_Row]:
        """Of the services near to its own, and of none; all where it has none."""
        if not subject.home:
            return self._all()
        near = self._near.get(subject.home)
        if near is None:
            near = self._near[subject.home] = self._known.scene.topology.near(subject.home)
        near = near | subject.places | self._taught_with(subject) | {""}
        return (row for service in near for row in self._rows.get(service, ()))

    def _taught_with(self, subject: Subject) -> set[str]:
        """The services of the kinds of alert that people spoke of together with this one."""
        known = self._known
        kinds = {kind for t in known.scene.taught if subject.kind in t.kinds for kind in t.kinds}
        named = {name for kind in kinds for name in kind.rpartition(" @ ")[2].split(", ")}
        return {known.names[name] for name in named if name in known.names}

    def _all(self) -> Iterator[_Row]:
        return (row for rows in self._rows.values() for row in rows)

    def _note(self, home: UUID, service: str, first: datetime, last: datetime) -> None:
        """When an incident first had trouble at each of its services, and when it had its last."""
        self._last[home] = max(last, self._last.get(home, last))
        onsets = self._onsets.setdefault(home, {})
        if service:
            onsets[service] = min(first, onsets.get(service, first))

    def _spans(self) -> Iterator[tuple[UUID, str, datetime, datetime]]:
        for alerts in self._alerts():
            rows = alerts.values_list("incident", "service__name").annotate(
                first=Min("starts_at"), last=Max("starts_at")
            )
            for incident, service, first, last in rows:
                yield self._home[incident], service or "", first, last

    def _read(self, since: datetime, until: datetime | None) -> Iterator[_Row]:
        for alerts in self._alerts():
            here = alerts.filter(starts_at__gte=since)
            here = here.filter(starts_at__lt=until) if until else here
            columns = here.order_by("-starts_at").values_list(
                "incident", "title", "service__name", "labels", "starts_at"
            )
            for incident, title, service, labels, at in columns[:MAX_LOOKED_AT]:
                yield _Row(self._home[incident], title, service or "", labels, at)

    def _alerts(self) -> Iterator[QuerySet[Alert]]:
        """What counts for the open incidents: by their numbers, which an index knows."""
        named = list(self._home)
        for start in range(0, len(named), _AT_ONCE):
            yield Alert.objects.filter(incident__in=named[start : start + _AT_ONCE]).order_by()
