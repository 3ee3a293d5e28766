"""The search for a cause as rows: once, leased, settled at once, lost attempts kept apart."""

import pytest

from airra.lib import clock
from analysis.commands import investigation as commands
from analysis.commands.investigation import LEASE, MAX_ATTEMPTS, CannotInvestigate
from analysis.models import Claim, Connector, Evidence, Hypothesis, Investigation
from analysis.types import HypothesisState, Outcome
from incidents.commands import incident as incidents
from incidents.lifecycle import State
from incidents.models import Incident
from incidents.permissions import NotPermitted, Role
from tests.factories import incidents as make
from tests.integration.analysis.conftest import NOON, Watch

pytestmark = pytest.mark.django_db


@pytest.fixture
def trouble(watch: Watch) -> Incident:
    """Errors of payments have just begun; nobody changed anything and traffic is steady."""
    for kind in ("loki", "jaeger", "changes"):
        Connector.objects.create(
            workspace=watch.workspace, name=kind, kind=kind, url=watch.fake.url
        )
    services = ("gateway", "checkout", "payments")
    watch.detector("errors", *services)
    watch.detector("traffic", *services, signal="traffic", unit="1/s")
    watch.shift("errors", "payments", 0.8)
    watch.wait(90)
    return make.incident(about=make.service("payments"), age_s=50)


def test_it_ranks_tested_rivals_over_a_ledger(trouble: Incident) -> None:
    commands.run_for_incident(incident_id=str(trouble.pk))
    run = trouble.investigations.get()
    assert run.state == Investigation.State.SETTLED
    ranked = list(run.hypotheses.order_by("rank"))
    assert len(ranked) >= 2
    assert ranked[0].entity == "payments"
    assert {h.state for h in ranked[1:]} == {HypothesisState.REFUTED}
    for claim in Claim.objects.filter(hypothesis__investigation=run):
        assert claim.evidence.exists(), claim
    story = list(trouble.events.values_list("kind", flat=True))
    assert "analysis" in story
    assert "hypotheses" in story


def test_again_while_it_lives_is_the_same_one(trouble: Incident) -> None:
    person = make.person(Role.RESPONDER)
    first = commands.start(incident=trouble, by=person)
    assert commands.start(incident=trouble, by=person).pk == first.pk


def test_it_lets_the_signals_settle_unless_a_person_asks(watch: Watch) -> None:
    watch.detector("errors", "payments")
    fresh = make.incident(about=make.service("payments"), age_s=0)
    commands.run_for_incident(incident_id=str(fresh.pk))
    assert not fresh.investigations.exists()
    run = commands.start(incident=fresh, by=make.person(Role.RESPONDER))
    commands.run_for_incident(incident_id=str(fresh.pk))
    run.refresh_from_db()
    assert run.state == Investigation.State.SETTLED


def test_a_viewer_may_not_start_one(trouble: Incident) -> None:
    with pytest.raises(NotPermitted):
        commands.start(incident=trouble, by=make.person(Role.VIEWER))
    assert not trouble.investigations.exists()


def test_what_is_over_is_not_investigated(trouble: Incident) -> None:
    incidents.resolve(incident=trouble, resolution="gone")
    with pytest.raises(CannotInvestigate, match="resolved"):
        commands.start(incident=trouble, by=make.person(Role.RESPONDER))


def test_the_second_worker_does_nothing_while_the_first_holds_the_lease(
    trouble: Incident,
) -> None:
    run = commands.start(incident=trouble, by=make.person(Role.RESPONDER))
    Investigation.objects.filter(pk=run.pk).update(
        state=Investigation.State.RUNNING, attempts=1, lease_until=clock.now() + LEASE
    )
    commands.run(investigation_id=str(run.pk))
    assert not Evidence.objects.exists()


def test_a_killed_attempt_is_taken_up_and_its_evidence_stays_apart(
    watch: Watch, trouble: Incident
) -> None:
    run = commands.start(incident=trouble, by=make.person(Role.RESPONDER))
    lost = LEASE.total_seconds() + 11
    Investigation.objects.filter(pk=run.pk).update(
        state=Investigation.State.RUNNING, attempts=1, lease_until=clock.now() + LEASE
    )
    Evidence.objects.create(
        investigation=run, attempt=1, seq=1, tool="get_topology", window_start=NOON,
        window_end=NOON, status="ok", summary="by the one that was killed", custody="trace",
        hash="x",
    )  # fmt: skip
    watch.wait(lost)
    commands.run_for_incident(incident_id=str(trouble.pk))
    run.refresh_from_db()
    assert (run.state, run.attempts) == (Investigation.State.SETTLED, 2)
    assert run.evidence.filter(attempt=1).count() == 1
    assert run.evidence.filter(attempt=2).count() > 3
    cited = Evidence.objects.filter(claims__isnull=False)
    assert set(cited.values_list("attempt", flat=True)) == {2}


def test_the_sweep_wakes_what_was_lost(
    watch: Watch, trouble: Incident, django_capture_on_commit_callbacks: object
) -> None:
    assert not trouble.investigations.exists()  # the message of its opening never came
    watch.wait(11)
    with django_capture_on_commit_callbacks(execute=True):  # type: ignore[operator]  # a fixture
        commands.sweep()
    assert trouble.investigations.get().state == Investigation.State.SETTLED


def test_what_fails_again_and_again_is_handed_to_people(watch: Watch, trouble: Incident) -> None:
    run = commands.start(incident=trouble, by=make.person(Role.RESPONDER))
    incidents.move(incident=trouble, to=State.ANALYSING, text="started")
    Investigation.objects.filter(pk=run.pk).update(attempts=MAX_ATTEMPTS)
    watch.wait(11)
    commands.sweep()
    run.refresh_from_db()
    trouble.refresh_from_db()
    assert (run.state, run.outcome) == ("failed", Outcome.COULD_NOT_INVESTIGATE)
    assert trouble.state == State.NO_SAFE_ACTION


def test_silent_sources_are_named_and_nothing_is_concluded(watch: Watch) -> None:
    watch.detector("errors", "payments")
    Connector.objects.update(url="http://127.0.0.1:9/")
    broken = make.incident(about=make.service("payments"))
    commands.run_for_incident(incident_id=str(broken.pk))
    run = broken.investigations.get()
    assert run.outcome == Outcome.BLOCKED
    assert not Hypothesis.objects.exists()
    assert any("get_onsets had no answer" in question for question in run.open_questions)
