"""What people may say to an investigation: start, steer, put forward, cancel; and when it races."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from django.contrib.auth.models import User
from django.db.models.signals import post_save

from airra.lib import clock
from airra.lib.db import Conflict
from analysis.commands import investigation as commands
from analysis.commands.investigation import course
from analysis.commands.investigation.attempt import Attempt
from analysis.commands.investigation.lease import claim
from analysis.commands.investigation.settle import settle
from analysis.commands.investigation.stop import end_cancelled
from analysis.models import Connector, Evidence, Investigation, InvestigationEvent
from analysis.reasoning.loop import investigate
from analysis.reasoning.reasoners.base import Reasoners
from analysis.reasoning.reasoners.offline import OfflineReasoner
from analysis.types import (
    Cancelled,
    Mechanism,
    Progress,
    ProgressKind,
)
from incidents.lifecycle import State
from incidents.models import AuditEvent, Incident
from incidents.permissions import NotPermitted, Role
from tests.factories import analysis
from tests.factories import incidents as make
from tests.integration.analysis.conftest import Watch
from tests.rivals import at_once, needs_rivals

pytestmark = pytest.mark.django_db
Kind = ProgressKind


@pytest.fixture
def trouble(watch: Watch) -> Incident:
    """Errors of payments have just begun; checkout calls it and is well."""
    for kind in ("loki", "jaeger", "changes"):
        Connector.objects.create(
            workspace=watch.workspace, name=kind, kind=kind, url=watch.fake.url
        )
    services = ("gateway", "checkout", "payments")
    watch.detector("errors", *services)
    watch.shift("errors", "payments", 0.8)
    watch.wait(90)
    return make.incident(about=make.service("payments"), age_s=50)


@pytest.fixture
def remi(watch: Watch) -> User:
    return make.person(Role.RESPONDER, username="remi")


def run(incident: Incident) -> Investigation:
    commands.run_for_incident(incident_id=str(incident.pk))
    return incident.investigations.latest("created_at")


def told(investigation: Investigation) -> list[str]:
    return list(investigation.events.values_list("kind", flat=True))


def test_every_step_is_told_in_order(trouble: Incident) -> None:
    done = run(trouble)
    kinds = told(done)
    assert kinds[0] == Kind.STAGE
    assert kinds[-1] == Kind.SETTLED
    assert kinds.count(Kind.TOOL_STARTED) == kinds.count(Kind.TOOL_FINISHED) > 4
    assert Kind.CLAIM_CHECKED in kinds
    seqs = list(done.events.values_list("seq", flat=True))
    assert seqs == list(range(1, done.last_event + 1))
    for step in done.events.filter(kind=Kind.TOOL_FINISHED):
        row = done.evidence.get(seq=step.payload["evidence"])
        assert (step.payload["native_query"], step.payload["facts"]) == (
            row.native_query,
            len(row.facts),
        )


def test_the_course_is_append_only(trouble: Incident) -> None:
    event = run(trouble).events.first()
    assert event is not None
    event.text = "it was never so"
    with pytest.raises(TypeError):
        event.save()
    with pytest.raises(TypeError):
        event.delete()
    with pytest.raises(TypeError):
        InvestigationEvent.objects.update(text="it was never so")


def test_a_note_steers_where_it_looks_and_proves_nothing(trouble: Incident, remi: User) -> None:
    make.service("ledger-db")
    begun = commands.start(incident=trouble, by=remi)
    commands.steer(investigation=begun, text="look at gateway please", by=remi)
    done = run(trouble)
    looked = done.evidence.filter(tool="search_logs").order_by("seq").first()
    assert looked is not None
    assert looked.arguments == {"service": "gateway"}
    assert Kind.GUIDANCE in told(done)
    assert not Evidence.objects.filter(custody="human_guidance").exists()
    assert "steered the investigation: look at gateway please" in list(
        trouble.events.values_list("text", flat=True)
    )
    assert AuditEvent.objects.filter(kind="investigation.steered").count() == 1


def test_a_killed_attempt_does_not_swallow_a_note(
    watch: Watch, trouble: Incident, remi: User
) -> None:
    begun = commands.start(incident=trouble, by=remi)
    commands.steer(investigation=begun, text="gateway", by=remi)
    assert claim(begun)
    attempt = Attempt(begun, commands.context_of(trouble))
    assert [note.text for note in attempt.ear.take()] == ["gateway"]
    assert attempt.ear.take() == ()
    watch.wait(61)
    assert claim(begun)
    again = Attempt(begun, commands.context_of(trouble))
    assert [note.text for note in again.ear.take()] == ["gateway"]


def test_a_note_that_comes_too_late_is_not_lost(trouble: Incident, remi: User) -> None:
    begun = commands.start(incident=trouble, by=remi)
    assert claim(begun)
    attempt = Attempt(begun, commands.context_of(trouble))
    commands.steer(investigation=begun, text="it is the disk", by=remi)
    assert attempt.ear.missed() == ["it is the disk"]


def test_what_has_settled_cannot_be_steered(trouble: Incident, remi: User) -> None:
    done = run(trouble)
    with pytest.raises(Conflict):
        commands.steer(investigation=done, text="gateway", by=remi)
    assert not done.events.filter(kind=Kind.NOTE).exists()


@pytest.mark.parametrize("text", ["", "   ", "x" * 501])
def test_a_note_has_words_but_not_too_many(trouble: Incident, remi: User, text: str) -> None:
    begun = commands.start(incident=trouble, by=remi)
    with pytest.raises(ValueError, match="1 to 500 characters"):
        commands.steer(investigation=begun, text=text, by=remi)


def test_a_hypothesis_of_a_person_is_tested_with_the_rest(trouble: Incident, remi: User) -> None:
    commands.suggest(
        incident=trouble,
        entity="checkout",
        mechanism=Mechanism.LEAK,
        statement="checkout leaks, as in May",
        by=remi,
    )
    done = run(trouble)
    found = done.hypotheses.get(origin="human")
    assert (found.entity, found.statement) == ("checkout", "checkout leaks, as in May")
    assert found.state != "proposed"
    assert found.claims.exists()
    assert done.hypotheses.get(rank=1).entity == "payments"


def test_one_that_is_among_the_rivals_already_is_not_ranked_twice(
    trouble: Incident, remi: User
) -> None:
    first = run(trouble).hypotheses.get(rank=1)
    commands.suggest(
        incident=trouble,
        entity=first.entity,
        mechanism=Mechanism(first.mechanism),
        statement="just what you said",
        by=remi,
    )
    again = run(trouble)
    assert again.hypotheses.filter(entity=first.entity, mechanism=first.mechanism).count() == 1


def test_a_new_investigation_carries_what_people_put_forward(
    watch: Watch, trouble: Incident, remi: User
) -> None:
    run(trouble)
    watch.wait(1)
    commands.suggest(
        incident=trouble, entity="checkout", mechanism=Mechanism.LEAK, statement="a leak", by=remi
    )
    second = run(trouble)
    watch.wait(1)
    commands.start(incident=trouble, by=remi)
    third = run(trouble)
    assert trouble.investigations.count() == 3
    for each in (second, third):
        assert each.hypotheses.filter(origin="human", statement="a leak").exists()


def test_a_hypothesis_is_about_a_service_that_is_known(trouble: Incident, remi: User) -> None:
    with pytest.raises(ValueError, match="no service fax here"):
        commands.suggest(
            incident=trouble, entity="fax", mechanism=Mechanism.LEAK, statement="x", by=remi
        )
    assert not trouble.investigations.exists()


def test_what_waits_is_cancelled_at_once(trouble: Incident, remi: User) -> None:
    begun = commands.start(incident=trouble, by=remi)
    commands.cancel(investigation=begun, by=remi)
    begun.refresh_from_db()
    assert (begun.state, begun.cancelled_by) == ("cancelled", remi)
    assert run(trouble).attempts == 0


@contextmanager
def when_stored(tool: str, deed: Callable[[Investigation], object]) -> Iterator[None]:
    """A person acts at the moment at which the answer of a tool is put on record."""

    def act(instance: Evidence, **_: object) -> None:
        if instance.tool == tool:
            deed(Investigation.objects.get(pk=instance.investigation_id))

    post_save.connect(act, sender=Evidence)
    try:
        yield
    finally:
        post_save.disconnect(act, sender=Evidence)


def test_what_runs_stops_before_its_next_step_and_keeps_what_it_gathered(
    trouble: Incident, remi: User
) -> None:
    commands.start(incident=trouble, by=remi)
    with when_stored("get_onsets", lambda i: commands.cancel(investigation=i, by=remi)):
        done = run(trouble)
    trouble.refresh_from_db()
    assert done.state == Investigation.State.CANCELLED
    assert done.evidence.filter(tool="get_onsets").count() == 1
    assert not done.evidence.filter(tool="get_resource_state").exists()
    assert not done.hypotheses.exists()
    assert told(done)[-1] == Kind.CANCELLED
    assert trouble.state == State.NO_SAFE_ACTION


def test_a_note_after_the_last_look_is_named_in_the_story(trouble: Incident, remi: User) -> None:
    commands.start(incident=trouble, by=remi)
    said = "it is the disk"
    late = when_stored("get_traces", lambda i: commands.steer(investigation=i, text=said, by=remi))
    with late:
        done = run(trouble)
    assert done.state == Investigation.State.SETTLED
    words = f"“{said}” came too late to steer the investigation: look again with it"
    assert words in list(trouble.events.values_list("text", flat=True))


def test_a_hypothesis_put_forward_while_it_runs_is_still_ranked(
    trouble: Incident, remi: User
) -> None:
    commands.start(incident=trouble, by=remi)

    def put_forward(_: Investigation) -> None:
        if not InvestigationEvent.objects.filter(text="a leak").exists():
            commands.suggest(
                incident=trouble,
                entity="checkout",
                mechanism=Mechanism.LEAK,
                statement="a leak",
                by=remi,
            )

    with when_stored("get_traces", put_forward):
        done = run(trouble)
    assert trouble.investigations.count() == 1
    assert done.hypotheses.filter(origin="human", statement="a leak").exists()


def test_a_cancel_while_it_settles_leaves_nothing_settled(trouble: Incident, remi: User) -> None:
    """The flag is read in the same UPDATE that would settle: it is the one or the other."""
    begun = commands.start(incident=trouble, by=remi)
    assert claim(begun)
    found = investigate(
        commands.context_of(trouble),
        reasoners=Reasoners(OfflineReasoner()),
        outside=Attempt(begun, commands.context_of(trouble)).outside(),
    )
    commands.cancel(investigation=Investigation.objects.get(pk=begun.pk), by=remi)
    with pytest.raises(Cancelled):
        settle(begun, found)
    begun.refresh_from_db()
    assert (begun.state, begun.outcome) == (Investigation.State.RUNNING, "")
    assert not begun.hypotheses.exists()


def test_a_cancel_that_comes_before_the_settlement_wins(trouble: Incident, remi: User) -> None:
    begun = commands.start(incident=trouble, by=remi)
    assert claim(begun)
    commands.cancel(investigation=Investigation.objects.get(pk=begun.pk), by=remi)
    with pytest.raises(Cancelled):
        course.tell(begun, Progress(Kind.STAGE, "Ranking"))
    begun.refresh_from_db()
    assert begun.state == Investigation.State.RUNNING
    end_cancelled(begun)
    begun.refresh_from_db()
    assert begun.state == Investigation.State.CANCELLED


def test_a_cancel_after_the_settlement_is_told_so(trouble: Incident, remi: User) -> None:
    done = run(trouble)
    with pytest.raises(Conflict):
        commands.cancel(investigation=done, by=remi)
    done.refresh_from_db()
    assert (done.state, done.cancel_requested_at) == (Investigation.State.SETTLED, None)


def test_the_sweep_ends_what_was_cancelled_while_its_worker_was_dead(
    watch: Watch, trouble: Incident, remi: User
) -> None:
    begun = commands.start(incident=trouble, by=remi)
    assert claim(begun)
    commands.cancel(investigation=Investigation.objects.get(pk=begun.pk), by=remi)
    watch.wait(61)
    commands.sweep()
    begun.refresh_from_db()
    assert begun.state == Investigation.State.CANCELLED


DEEDS: dict[str, Callable[[Investigation, User], object]] = {
    "start": lambda i, by: commands.start(incident=i.incident, by=by),
    "steer": lambda i, by: commands.steer(investigation=i, text="x", by=by),
    "cancel": lambda i, by: commands.cancel(investigation=i, by=by),
    "suggest": lambda i, by: commands.suggest(
        incident=i.incident, entity="payments", mechanism=Mechanism.LEAK, statement="x", by=by
    ),
}


@pytest.mark.parametrize("deed", DEEDS)
def test_a_viewer_may_do_none_of_it(watch: Watch, deed: str) -> None:
    about = make.incident(about=make.service("payments"))
    begun = analysis.investigation(about, state="queued", outcome="", finished_at=None)
    with pytest.raises(NotPermitted):
        DEEDS[deed](begun, make.person(Role.VIEWER))
    assert not begun.events.exists()


@needs_rivals
@pytest.mark.django_db(transaction=True)
def test_notes_and_steps_at_the_same_moment_are_numbered_one_by_one() -> None:
    about = make.incident(about=make.service("payments"))
    begun = analysis.investigation(
        about, state="running", outcome="", finished_at=None, lease_until=clock.now()
    )
    at_once(8, lambda: course.append(begun, Kind.NOTE, "a note"))
    assert list(begun.events.values_list("seq", flat=True)) == list(range(1, 9))


@needs_rivals
@pytest.mark.django_db(transaction=True)
def test_a_cancel_and_an_end_at_the_same_moment_leave_one_end() -> None:
    about = make.incident(about=make.service("payments"))
    remi = make.person(Role.RESPONDER)
    begun = analysis.investigation(
        about, state="queued", outcome="", finished_at=None, lease_until=None
    )
    outcomes: list[str] = []

    def press() -> None:
        try:
            commands.cancel(investigation=Investigation.objects.get(pk=begun.pk), by=remi)
            outcomes.append("cancelled")
        except Conflict:
            outcomes.append("too late")

    at_once(4, press)
    assert sorted(outcomes) == ["cancelled", "too late", "too late", "too late"]
    assert begun.events.filter(kind=Kind.CANCELLED).count() == 1
