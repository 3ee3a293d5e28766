"""Trials of grouping rules: one worker at a time, seen, stopped, picked up, and bounded."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError

from airra.lib import clock
from airra.lib.db import Conflict
from incidents.commands import rule_trial
from incidents.commands.grouping import Wanted, create, switch
from incidents.commands.rule_trial import NotATrial, Stopped
from incidents.ingest.grouping.replay import Replay
from incidents.ingest.matching import read_lines
from incidents.models import Alert, Integration, RuleTrial, Workspace
from incidents.permissions import NotPermitted, Role
from incidents.queries import grouping_rules as queries
from tests.factories import incidents as make

pytestmark = pytest.mark.django_db

State = RuleTrial.State
WANTED = Wanted(
    name="one region",
    position=100,
    match="all",
    matchers=read_lines("region = eu"),
    group_by=("region",),
    window_min=10,
    threshold=1,
)


@pytest.fixture
def sender(workspace: Workspace) -> Integration:
    return Integration.objects.create(workspace=workspace, name="prom", kind="alertmanager")


def stored(sender: Integration, service: str, *, min_ago: float, **fields: Any) -> Alert:
    return Alert.objects.create(
        workspace=sender.workspace,
        integration=sender,
        dedup_key=f"{service} {min_ago}",
        title=f"trouble of {service}",
        severity="high",
        status=Alert.Status.FIRING,
        service=make.service(service),
        labels={"region": "eu"},
        starts_at=clock.now() - timedelta(minutes=min_ago),
        **fields,
    )


def started(workspace: Workspace, by: User, **changed: Any) -> RuleTrial:
    return rule_trial.start(workspace=workspace, wanted=WANTED, days=7, by=by, **changed)


def result_of(trial: RuleTrial) -> queries.Backtest:
    rule_trial.run(trial_id=str(trial.pk))
    trial.refresh_from_db()
    found = queries.Backtest.of(trial)
    assert found is not None, trial.error
    return found


def test_a_trial_of_a_rule_that_is_on_replaces_it(
    workspace: Workspace, sender: Integration
) -> None:
    admin = make.person(Role.ADMIN)
    rule = create(workspace=workspace, wanted=WANTED, by=admin)
    switch(rule=rule, is_on=True, by=admin)
    for service in ("payments", "search"):
        stored(sender, service, min_ago=30)
    found = result_of(started(workspace, admin, rule=rule))
    assert (found.comparison.moved, found.comparison.incidents_after) == (0, 1)


def test_it_says_when_it_is_cut(
    workspace: Workspace, sender: Integration, responder: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "MAX_ALERTS", 3)
    for minutes in range(3):
        stored(sender, "payments", min_ago=minutes)
    assert not result_of(started(workspace, responder)).is_cut
    stored(sender, "payments", min_ago=9)
    found = result_of(started(workspace, responder))
    assert (found.is_cut, found.alerts) == (True, 3)
    assert found.since == Alert.objects.order_by("-starts_at")[2].starts_at


def test_it_says_how_far_it_is(
    workspace: Workspace, sender: Integration, responder: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rule_trial, "_TELL_EVERY_S", 0)
    for minutes in range(4):
        stored(sender, "payments", min_ago=minutes, ends_at=clock.now())
    trial = started(workspace, responder)
    told: list[tuple[int, int]] = []
    take = Replay.take

    def watched(self: Replay, happening: Any) -> None:
        now = RuleTrial.objects.get()
        told.append((now.done, now.total))
        take(self, happening)

    monkeypatch.setattr(Replay, "take", watched)
    result_of(trial)
    assert told == [(number, 16) for number in range(16)]


def test_only_one_worker_runs_it_and_another_takes_over_when_it_is_gone(
    workspace: Workspace, sender: Integration, responder: User
) -> None:
    trial = started(workspace, responder)
    assert rule_trial._claim(trial)
    rule_trial.run(trial_id=str(trial.pk))  # held: nothing happens
    trial.refresh_from_db()
    assert trial.state == State.RUNNING
    RuleTrial.objects.update(lease_until=clock.now() - timedelta(seconds=1))
    late = RuleTrial.objects.get()
    result_of(trial)
    with pytest.raises(Stopped):
        rule_trial._tell(late, 7)  # the first one wakes up, and is told to stop
    trial.refresh_from_db()
    assert (trial.state, trial.attempts, trial.done) == (State.DONE, 2, 0)


def test_the_sweep_gives_up_after_three_workers(workspace: Workspace, responder: User) -> None:
    trial = started(workspace, responder)
    for _ in range(rule_trial.MAX_ATTEMPTS):
        assert rule_trial._claim(trial)
        RuleTrial.objects.update(lease_until=clock.now() - timedelta(seconds=1))
    assert not rule_trial._claim(trial)
    rule_trial.sweep()
    trial.refresh_from_db()
    assert (trial.state, "went away 3 times" in trial.error) == (State.FAILED, True)


def test_the_sweep_wakes_what_was_forgotten(
    workspace: Workspace, responder: User, django_capture_on_commit_callbacks: Any
) -> None:
    trial = started(workspace, responder)  # its message is lost: the test commits nothing
    RuleTrial.objects.update(created_at=clock.now() - timedelta(minutes=1))
    with django_capture_on_commit_callbacks(execute=True):
        rule_trial.sweep()
    trial.refresh_from_db()
    assert trial.state == State.DONE


def test_one_that_runs_stops_at_its_next_word(
    workspace: Workspace, sender: Integration, responder: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rule_trial, "_TELL_EVERY_S", 0)
    stored(sender, "payments", min_ago=5)
    trial = started(workspace, responder)
    take = Replay.take

    def cancelled_meanwhile(self: Replay, happening: Any) -> None:
        rule_trial.cancel(trial=RuleTrial.objects.get(), by=responder)
        take(self, happening)

    monkeypatch.setattr(Replay, "take", cancelled_meanwhile)
    rule_trial.run(trial_id=str(trial.pk))
    trial.refresh_from_db()
    assert (trial.state, trial.result, trial.lease_until) == (State.CANCELLED, None, None)
    with pytest.raises(Conflict):
        rule_trial.cancel(trial=trial, by=responder)


def test_one_that_takes_too_long_says_so(
    workspace: Workspace, sender: Integration, responder: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rule_trial, "LONGEST", timedelta(0))
    stored(sender, "payments", min_ago=5)
    trial = started(workspace, responder)
    rule_trial.run(trial_id=str(trial.pk))
    trial.refresh_from_db()
    assert (trial.state, "on fewer days" in trial.error) == (State.FAILED, True)


def test_one_that_breaks_says_so_and_is_not_tried_again(
    workspace: Workspace, responder: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    trial = started(workspace, responder)
    RuleTrial.objects.update(draft=WANTED.fields() | {"no_such_field": 1})
    with pytest.raises(TypeError):
        rule_trial.run(trial_id=str(trial.pk))
    trial.refresh_from_db()
    assert (trial.state, "(TypeError)" in trial.error) == (State.FAILED, True)
    rule_trial.run(trial_id=str(trial.pk))
    assert RuleTrial.objects.get().attempts == 1


def test_a_new_one_takes_the_place_of_what_its_asker_waits_for(
    workspace: Workspace, responder: User
) -> None:
    first = started(workspace, responder)
    started(workspace, responder)
    first.refresh_from_db()
    assert first.state == State.CANCELLED
    others = [make.person(Role.RESPONDER, username=f"r{n}") for n in range(3)]
    for other in others[:2]:
        started(workspace, other)
    with pytest.raises(NotATrial, match="3 trials run here already"):
        started(workspace, others[2])
    with pytest.raises(NotPermitted):
        started(workspace, make.person(Role.VIEWER))


def test_old_ones_are_dropped(workspace: Workspace, responder: User) -> None:
    trial = started(workspace, responder)
    RuleTrial.objects.update(created_at=clock.now() - timedelta(days=91), state=State.FAILED)
    rule_trial.sweep()
    assert not RuleTrial.objects.filter(pk=trial.pk).exists()


def test_one_that_is_done_has_a_result(workspace: Workspace) -> None:
    with pytest.raises(IntegrityError):
        RuleTrial.objects.create(workspace=workspace, draft={}, days=1, state=State.DONE)
