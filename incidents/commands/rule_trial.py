"""A grouping rule tried on stored alerts: asked for, run by a worker with its progress, cancelled.

A month of alerts takes minutes, so no request waits for it. The row says how far it is; whoever
runs it holds a lease, and the sweep wakes what nobody holds.
"""

import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F, Q

from airra.lib import clock
from airra.lib.db import Conflict
from airra.lib.jobs import Job, enqueue
from incidents.commands.grouping import Wanted
from incidents.ingest.grouping.replay import Replay
from incidents.models import GroupingRule, RuleTrial, Workspace
from incidents.permissions import Permission
from incidents.queries import grouping, grouping_rules
from incidents.queries.access import require

log = structlog.get_logger(__name__)

LEASE = timedelta(minutes=2)  # reading twenty thousand alerts takes some of it
LONGEST = timedelta(minutes=15)
KEPT = timedelta(days=90)
MAX_ATTEMPTS = 3
MAX_LIVE = 3  # of a workspace: they take workers from investigations
FORGOTTEN_S = 20  # waiting longer, it is said that no worker has taken it up
_LATE = timedelta(seconds=15)
_TELL_EVERY_S = 1.0

State = RuleTrial.State


class NotATrial(ValueError):
    """It cannot be begun now; the message says why, for the person who asked."""


class Stopped(Exception):
    """Nobody waits for it any more: it was cancelled, or another worker took over."""


class GaveUp(Exception):
    """It ends without a result; the message says why, for people."""


@transaction.atomic
def start(
    *, workspace: Workspace, wanted: Wanted, days: int, by: User, rule: GroupingRule | None = None
) -> RuleTrial:
    """Ask for one; what the same person still waits for is cancelled. Raises `NotATrial`."""
    require(by, Permission.RESPOND, workspace)
    live = RuleTrial.objects.filter(workspace=workspace, state__in=RuleTrial.LIVE)
    for earlier in live.filter(requested_by=by):
        _stop(earlier)
    if live.filter(cancel_requested_at=None).count() >= MAX_LIVE:
        msg = f"{MAX_LIVE} trials run here already: wait for one to end, or cancel it"
        raise NotATrial(msg)
    made = RuleTrial.objects.create(
        workspace=workspace, rule=rule, draft=wanted.fields(), days=days, requested_by=by
    )
    enqueue(Job.TRY_RULE, trial_id=str(made.pk))
    return made


@transaction.atomic
def cancel(*, trial: RuleTrial, by: User) -> None:
    """Ask it to stop. Raises `Conflict` when it is over already."""
    require(by, Permission.RESPOND, trial.workspace)
    if not _stop(trial):
        raise Conflict(trial, "state", State.RUNNING)


def _stop(trial: RuleTrial) -> bool:
    """Whoever runs it sees the mark within a second; when nobody does, it is over at once."""
    now = clock.now()
    live = RuleTrial.objects.filter(pk=trial.pk, state__in=RuleTrial.LIVE)
    marked = live.update(cancel_requested_at=now)
    is_free = Q(lease_until=None) | Q(lease_until__lte=now)
    live.filter(is_free).update(state=State.CANCELLED, finished_at=now)
    return marked == 1


def run(*, trial_id: str) -> None:
    """The job: replay, tell how far it is, store what came of it. Safe to run twice."""
    trial = RuleTrial.objects.select_related("workspace", "rule").filter(pk=trial_id).first()
    if trial is None or not _claim(trial):
        return
    ours = RuleTrial.objects.filter(pk=trial.pk, state=State.RUNNING, attempts=trial.attempts)
    end: dict[str, Any]
    try:
        end = {"state": State.DONE, "result": _replayed(trial), "error": ""}
    except Stopped:
        ours.filter(cancel_requested_at__isnull=False).update(
            state=State.CANCELLED, finished_at=clock.now(), lease_until=None
        )
        return
    except GaveUp as error:
        end = {"state": State.FAILED, "error": str(error)}
    except Exception as error:
        log.exception("rule_trial_broke", trial=trial_id)
        ours.update(
            state=State.FAILED,
            error=f"AIRRA broke while replaying ({type(error).__name__}); its log says where",
            finished_at=clock.now(),
            lease_until=None,
        )
        raise
    ours.update(finished_at=clock.now(), lease_until=None, **end)


def _claim(trial: RuleTrial) -> bool:
    now = clock.now()
    is_free = Q(lease_until=None) | Q(lease_until__lte=now)
    claimed = RuleTrial.objects.filter(
        is_free,
        pk=trial.pk,
        state__in=RuleTrial.LIVE,
        cancel_requested_at=None,
        attempts__lt=MAX_ATTEMPTS,
    ).update(
        state=State.RUNNING,
        lease_until=now + LEASE,
        attempts=F("attempts") + 1,
        started_at=now,
        done=0,
    )
    if claimed:
        trial.refresh_from_db()
    return claimed == 1


def _replayed(trial: RuleTrial) -> dict[str, Any]:
    as_rule = grouping.as_rule(drafted(trial))
    if as_rule is None:
        msg = "its labels cannot be read"
        raise GaveUp(msg)
    found = grouping_rules.history(trial.workspace, as_rule, days=trial.days)
    _tell(trial, 0, total=2 * len(found.happenings), started_at=clock.now())
    told_at = time.monotonic()
    until = told_at + LONGEST.total_seconds()
    for done in _steps(found.happenings, found.as_they_are, found.with_draft):
        now = time.monotonic()
        if now > until:
            msg = f"it did not end within {LONGEST.seconds // 60} minutes: try it on fewer days"
            raise GaveUp(msg)
        if now - told_at >= _TELL_EVERY_S:
            _tell(trial, done)
            told_at = now
    return found.compared()


def _steps(happenings: list[Any], *replays: Replay) -> Iterator[int]:
    """Replay each, one happening after the other; yields how many that were."""
    done = 0
    for replay in replays:
        for happening in happenings:
            replay.take(happening)
            done += 1
            time.sleep(0)  # lets the web's threads of an embedded AIRRA go first
            yield done


def _tell(trial: RuleTrial, done: int, **fields: Any) -> None:
    """Keep the lease and say how far it is. Raises `Stopped`."""
    ours = RuleTrial.objects.filter(
        pk=trial.pk, state=State.RUNNING, attempts=trial.attempts, cancel_requested_at=None
    )
    if not ours.update(done=done, lease_until=clock.now() + LEASE, **fields):
        raise Stopped


def drafted(trial: RuleTrial) -> GroupingRule:
    """The rule as it was tried: with the id of the one that it would replace, and not saved."""
    rule_id: UUID = trial.rule_id or trial.pk
    return GroupingRule(id=rule_id, workspace=trial.workspace, **trial.draft)


def sweep() -> None:
    """Wake what nobody runs, end what cannot be ended, drop what is old."""
    now = clock.now()
    is_free = Q(lease_until=None) | Q(lease_until__lte=now)
    waiting = RuleTrial.objects.filter(is_free, state__in=RuleTrial.LIVE)
    waiting.filter(cancel_requested_at__isnull=False).update(state=State.CANCELLED, finished_at=now)
    waiting.filter(attempts__gte=MAX_ATTEMPTS).update(
        state=State.FAILED,
        finished_at=now,
        error=f"its worker went away {MAX_ATTEMPTS} times, short of memory perhaps: "
        "try it on fewer days",
    )
    for pk in waiting.filter(created_at__lte=now - _LATE).values_list("pk", flat=True):
        enqueue(Job.TRY_RULE, trial_id=str(pk))
    RuleTrial.objects.filter(created_at__lt=now - KEPT).exclude(state__in=RuleTrial.LIVE).delete()
