"""One turn in a workspace: what it has read for many alerts, and the rows it has still to write.

A turn is held until its transaction ends (`take_turn`), so what only its holder writes is read
once: which alerts are known, and what is open. Alerts that nobody has heard of, their decisions and
their lines in the story are inserted together; `flush` comes before whatever asks for them.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, Self
from uuid import UUID

from django.db.models import F

from airra.lib import clock
from airra.lib.db import Conflict
from incidents.commands.service import ensure
from incidents.ingest.alerts import NewAlert
from incidents.ingest.grouping.types import Candidate, Subject
from incidents.ingest.weight import Standing
from incidents.lifecycle import LIVE_STATES, SEVERITY_ORDER, Severity
from incidents.models import (
    Alert,
    GroupingDecision,
    Incident,
    Service,
    Silence,
    TimelineEvent,
    Touch,
    Workspace,
)
from incidents.queries import blast, grouping
from incidents.queries.board import Board, Held
from incidents.queries.silences import covering, not_over

# What people change meanwhile (a rule, a silence, an edge) holds after so long at the latest.
_READ_LASTS = timedelta(seconds=5)
_AT_ONCE = 500  # keys that one query names


def take_turn(workspace: Workspace) -> "Turn":
    """One at a time in a workspace: the UPDATE holds its row until commit, on both databases."""
    Workspace.objects.filter(pk=workspace.pk).update(name=F("name"))
    return Turn(workspace)


@dataclass(frozen=True)
class Mark:
    """What a turn had read when something began that may be rolled back."""

    board: Board | None
    held: Held | None  # on that board
    known: grouping.Known | None
    services: dict[str, Service]


class Turn:
    """As a context it flushes at the end, unless what was done in it failed."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self._reads_back_to: datetime | None = None
        self.forget()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self.flush()

    def forget(self) -> None:
        """Begin anew: after a rollback neither what was read nor what was to be written holds."""
        self._forget_read()
        self._unheard: set[tuple[UUID, str]] = set()
        self._forget_unwritten()

    def _forget_read(self) -> None:
        self._read_at: datetime | None = None
        self._known: grouping.Known | None = None
        self._board: Board | None = None
        self._silences: list[Silence] | None = None
        self._services: dict[str, Service] = {}
        self._standings: dict[UUID, Standing] = {}

    def _forget_unwritten(self) -> None:
        self._alerts: list[Alert] = []
        self._decisions: list[GroupingDecision] = []
        self._events: list[TimelineEvent] = []
        self._touches: list[Touch] = []
        self._relied_on: dict[UUID, Severity] = {}
        self._quieted_by: set[UUID] = set()

    # For what may be rolled back.

    def mark(self) -> Mark:
        """Call before it begins, to `go_back` here if it fails.

        Once something failed that had read the board, the board is read here: what is read within
        is lost with it.
        """
        if self._reads_back_to is not None:
            self._renew()
            if self._board is None:
                self._board = Board(self.workspace, self.known())
                self._board.read_back_to(self._reads_back_to)
        held = self._board.held() if self._board is not None else None
        return Mark(self._board, held, self._known, dict(self._services))

    def go_back(self, mark: Mark) -> None:
        """After the rollback: what was read before the mark holds, and nothing else does."""
        board, read_at, silences = self._board, self._read_at, self._silences
        self.forget()
        if board is not None and board.since is not None:
            self._reads_back_to = board.since
        if board is None or mark.held is None or board is not mark.board:
            return
        board.go_back(mark.held)
        self._read_at, self._silences, self._board = read_at, silences, board
        self._known, self._services = mark.known, mark.services

    # What is read.

    def hear(self, told: Iterable[tuple[UUID, NewAlert]]) -> None:
        """Which of these alerts, each by its integration and itself, nobody has told of yet.

        Only who holds the turn stores alerts, so that stays true until one is stored here.
        """
        told = list(told)
        keys = {(integration, new.dedup_key) for integration, new in told}
        wanted = sorted({key for _, key in keys})
        for start in range(0, len(wanted), _AT_ONCE):
            part = wanted[start : start + _AT_ONCE]
            known = Alert.objects.filter(
                integration__in={integration for integration, _ in keys}, dedup_key__in=part
            )
            keys -= set(known.values_list("integration", "dedup_key").distinct())
        self._unheard |= keys
        names = {new.service[:120] for _, new in told if new.service} - self._services.keys()
        here = Service.objects.filter(workspace=self.workspace, name__in=names)
        self._services |= {service.name: service for service in here}

    def is_unheard(self, integration: UUID, dedup_key: str) -> bool:
        return (integration, dedup_key) in self._unheard

    def service(self, name: str) -> Service:
        """The service of this name, made when new."""
        name = name[:120]
        found = self._services.get(name)
        if found is None:
            found = self._services[name] = ensure(workspace=self.workspace, name=name)
            if self._known is not None and name.lower() not in self._known.names:
                names = grouping.names_in(self.workspace)
                self._known = replace(self._known, names=names)
                if self._board is not None:
                    self._board.learn(self._known)
        return found

    def standing(self, service: Service) -> Standing:
        if service.pk not in self._standings:
            self._standings[service.pk] = blast.standing(service)
        return self._standings[service.pk]

    def silence_over(self, *, service: Service | None, labels: dict[str, str]) -> Silence | None:
        """The silence that now keeps such an alert quiet; of several, the longest."""
        self._renew()
        if self._silences is None:
            self._silences = not_over(self.workspace)
        return covering(self._silences, service=service, labels=labels)

    def known(self) -> grouping.Known:
        """What holds for every alert."""
        self._renew()
        if self._known is None:
            self._known = grouping.known_of(self.workspace)
        return self._known

    def _renew(self) -> None:
        """Begin to read anew where that was too long ago."""
        now = clock.now()
        if self._read_at is None or now - self._read_at >= _READ_LASTS:
            self.flush()
            self._forget_read()
            self._read_at = now

    def candidates(self, subject: Subject) -> list[Candidate]:
        board = self._board
        if board is None:
            self.flush()
            board = self._board = Board(self.workspace, self.known())
        if not board.reaches(subject):
            self.flush()
            board.reach(subject)
        return board.candidates(subject)

    def incident(self, pk: UUID) -> Incident:
        found = self._board.incident(pk) if self._board else None
        if found is None:
            self._board = None  # it was opened, or opened again, since that was read
            found = Incident.objects.select_related("workspace", "service").get(pk=pk)
        return found

    # What is done.

    def opened(self, incident: Incident, *, is_new: bool) -> None:
        if self._board is None or self._board.incident(incident.pk) is not None:
            return
        if is_new:
            self._board.opened(incident)
        else:
            self._board = None

    def settled(self, incident: Incident) -> None:
        """Its end was looked at: it may be over."""
        if self._board is not None and not incident.is_live:
            self._board.ended(incident)

    def joined(self, alert: Alert) -> None:
        if self._board is not None:
            self._board.joined(alert)

    def relies_on(self, incident: Incident, severity: Severity) -> None:
        """An alert so severe was put in: when that is written it must be live, and as severe."""
        known = self._relied_on.get(incident.pk, severity)
        self._relied_on[incident.pk] = min(known, severity, key=lambda one: SEVERITY_ORDER[one])

    def keep(self, alert: Alert, *fields: str) -> None:
        """Write an alert: a new one with others, of one that is a row already these fields."""
        if not alert._state.adding:
            alert.save(update_fields=fields)
        elif (mark := (alert.integration_id, alert.dedup_key)) in self._unheard:
            self._unheard.remove(mark)
            self._alerts.append(alert)
        else:
            alert.save(force_insert=True)

    def decided(self, decision: GroupingDecision) -> None:
        self._decisions.append(decision)
        if decision.means == GroupingDecision.Means.SILENCED and decision.alert.silenced_by_id:
            self._quieted_by.add(decision.alert.silenced_by_id)

    def tell(self, incident: Incident, text: str, **told: Any) -> None:
        """A line in its story, as `timeline.record` writes it."""
        made = TimelineEvent(incident=incident, kind=TimelineEvent.Kind.ALERT, text=text, **told)
        self._events.append(made)

    def touched(self, touch: Touch) -> None:
        self._touches.append(touch)

    def flush(self) -> None:
        """Write what waits. Raises `Conflict` where it no longer holds: begin anew."""
        if not (self._alerts or self._decisions or self._events or self._touches):
            return
        self._require_live()
        self._require_silent()
        Alert.objects.bulk_create(self._alerts)
        Touch.objects.bulk_create(self._touches)
        GroupingDecision.objects.bulk_create(self._decisions)
        TimelineEvent.objects.bulk_create(self._events)
        self._forget_unwritten()

    def _require_live(self) -> None:
        """People end incidents, and lower them, without a turn."""
        found = Incident.objects.in_bulk(list(self._relied_on)) if self._relied_on else {}
        for pk, severity in self._relied_on.items():
            incident = found[pk]
            if incident.state not in LIVE_STATES:
                raise Conflict(incident, "state", "live")
            if SEVERITY_ORDER[Severity(incident.severity)] > SEVERITY_ORDER[severity]:
                raise Conflict(incident, "severity", severity)

    def _require_silent(self) -> None:
        """An alert that a silence kept, which was ended meanwhile, nobody would take in later."""
        still = Silence.objects.filter(pk__in=self._quieted_by, ends_at__gt=clock.now())
        if self._quieted_by and still.count() != len(self._quieted_by):
            raise Conflict(Silence.objects.get(pk=min(self._quieted_by)), "ends_at", "to come")
