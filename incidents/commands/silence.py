"""Silences and maintenance windows: begun, ended early, and what still fires taken in after."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.contrib.auth.models import User
from django.db import transaction

from airra.lib import clock
from airra.lib.db import Conflict, compare_and_set
from airra.lib.jobs import Job, enqueue
from incidents.commands import audit, episode
from incidents.commands.turn import take_turn
from incidents.ingest.life import PRESENT
from incidents.ingest.matching import Matcher
from incidents.models import Alert, Service, Silence, Workspace
from incidents.permissions import Permission
from incidents.queries.access import require

LONGEST = timedelta(days=30)
_AT_ONCE = 200  # alerts one sweep takes in after a window; the next one goes on


class NotASilence(ValueError):
    """It would silence everything, or for ever; the message says what is missing in `field`."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True)
class Wanted:
    """What a person asks to be kept quiet, from when until when."""

    reason: str
    starts_at: datetime
    ends_at: datetime
    service: Service | None = None
    matchers: Sequence[Matcher] = ()
    kind: str = Silence.Kind.SILENCE
    replays: bool = True


@transaction.atomic
def begin(*, workspace: Workspace, wanted: Wanted, by: User) -> Silence:
    """Store what matches and wake nobody, between two moments. Raises `NotASilence`."""
    require(by, Permission.RESPOND, workspace)
    _check(wanted)
    made = Silence.objects.create(
        workspace=workspace,
        kind=wanted.kind,
        reason=wanted.reason[:300],
        service=wanted.service,
        matchers=[matcher.as_json() for matcher in wanted.matchers],
        starts_at=wanted.starts_at,
        ends_at=wanted.ends_at,
        replays=wanted.replays,
        created_by=by,
        created_at=clock.now(),
    )
    audit.record("silence.created", target=made, by=by, after=_facts(made), reason=wanted.reason)
    return made


def _check(wanted: Wanted) -> None:
    if wanted.service is None and not wanted.matchers:
        msg = "name a service or at least one label: this would silence everything"
        raise NotASilence("matchers", msg)
    if wanted.ends_at <= wanted.starts_at:
        msg = "it has to end after it begins"
        raise NotASilence("ends_at", msg)
    if wanted.ends_at <= clock.now():
        msg = "it would be over already"
        raise NotASilence("ends_at", msg)
    if wanted.ends_at - wanted.starts_at > LONGEST:
        msg = f"at most {LONGEST.days} days; what is noise for longer is mended at its sender"
        raise NotASilence("ends_at", msg)


@transaction.atomic
def end(*, silence: Silence, by: User) -> Silence:
    """End it now. Raises `Conflict` when it is over, or somebody else has just moved its end."""
    require(by, Permission.RESPOND, silence.workspace)
    now, planned = clock.now(), silence.ends_at
    if planned <= now:
        raise Conflict(silence, "ends_at", planned)
    before = _facts(silence)
    begun = min(silence.starts_at, now - timedelta(seconds=1))  # one to come is over unused
    compare_and_set(silence, "ends_at", expect=planned, to=now, starts_at=begun)
    audit.record("silence.ended", target=silence, by=by, before=before, after=_facts(silence))
    enqueue(Job.SWEEP_INCIDENTS)
    return silence


def _facts(silence: Silence) -> dict[str, object]:
    return {
        "kind": str(silence.kind),
        "service": silence.service.name if silence.service else "",
        "matchers": silence.matchers,
        "starts_at": silence.starts_at.isoformat(),
        "ends_at": silence.ends_at.isoformat(),
        "replays": silence.replays,
    }


def replay() -> None:
    """Take in what still fires after its silence has ended, once, however often it is called."""
    over = Silence.objects.filter(
        ends_at__lte=clock.now(), replays=True, replayed_at__isnull=True
    ).select_related("workspace")
    for silence in over.order_by("ends_at"):
        waiting = silence.alerts.filter(incident__isnull=True, status__in=sorted(PRESENT))
        found = list(waiting.order_by("starts_at").values_list("pk", flat=True)[: _AT_ONCE + 1])
        for pk in found[:_AT_ONCE]:
            _take_in(pk, silence)
        if len(found) <= _AT_ONCE:
            Silence.objects.filter(pk=silence.pk).update(replayed_at=clock.now())


@transaction.atomic
def _take_in(pk: UUID, silence: Silence) -> None:
    """One alert, unless it has cleared or was taken in meanwhile."""
    turn = take_turn(silence.workspace)
    waiting = Alert.objects.select_related("service", "integration__workspace").filter(
        pk=pk, incident__isnull=True, status__in=sorted(PRESENT), silenced_by=silence
    )
    alert = waiting.first()
    if alert is not None:
        with turn:
            episode.put(alert, episode.as_told(alert), turn=turn, after=silence)
