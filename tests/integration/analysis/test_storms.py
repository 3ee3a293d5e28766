"""Many incidents at once: what is one trouble is looked into once, and nothing is lost."""

from datetime import timedelta
from itertools import pairwise

import pytest
from pytest_django import DjangoCaptureOnCommitCallbacks

from airra.lib import clock
from analysis.commands import investigation as commands
from analysis.commands import watch as watching
from analysis.commands.investigation import share
from analysis.models import Investigation, SharedInvestigation
from analysis.queries.companions import COOLDOWN
from incidents.commands import incident as incidents
from incidents.commands.integration import create_integration
from incidents.lifecycle import State
from incidents.models import Incident, Integration, Workspace
from incidents.permissions import Role
from tests.factories import analysis
from tests.factories import incidents as make
from tests.integration.analysis.conftest import Watch
from tests.integration.incidents.conftest import Sender
from tests.rivals import at_once, needs_rivals

pytestmark = pytest.mark.django_db
ALERTS = 40


class Beat:
    """The sweep every ten seconds, and the jobs that it wakes."""

    def __init__(self, hands: clock.Hands, run_jobs: DjangoCaptureOnCommitCallbacks) -> None:
        self._hands, self._run_jobs = hands, run_jobs

    def tick(self) -> None:
        with self._run_jobs(execute=True):
            commands.sweep()

    def run_for(self, seconds: float) -> None:
        for _ in range(int(seconds // 10)):
            self._hands.advance(seconds=10)
            self.tick()


@pytest.fixture
def beat(
    workspace: Workspace,
    hands: clock.Hands,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> Beat:
    return Beat(hands, django_capture_on_commit_callbacks)


@pytest.fixture
def sender(
    workspace: Workspace,
    hands: clock.Hands,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> Sender:
    made, token = create_integration(
        workspace=workspace, name="scripts", kind=Integration.Kind.GENERIC, by=None
    )
    return Sender(made, token, django_capture_on_commit_callbacks)


def chain(length: int) -> list[str]:
    """Services that call each other in a row."""
    names = [f"service-{number}" for number in range(length)]
    for caller, callee in pairwise(names):
        make.service(caller).calls.create(callee=make.service(callee))
    return names


def investigated(*expected: int) -> None:
    """How many investigations there are, and how many incidents they answer for."""
    begun = Investigation.objects.count()
    shared = SharedInvestigation.objects.filter(released_at__isnull=True).count()
    assert (begun, begun + shared) == expected


@pytest.mark.parametrize("is_known", [True, False], ids=["topology known", "topology unknown"])
def test_a_storm_of_forty_alerts_makes_one_investigation(
    sender: Sender, beat: Beat, hands: clock.Hands, is_known: bool
) -> None:
    names = chain(ALERTS) if is_known else [f"service-{n}" for n in range(ALERTS)]
    for name in names:
        sender.post({"title": f"{name} fails", "service": name, "severity": "critical"})
        hands.advance(seconds=1)
    incidents = 1 if is_known else ALERTS  # grouping has followed the calls already
    assert Incident.objects.count() == incidents
    beat.run_for(180)
    investigated(1, incidents)
    run = Investigation.objects.get()
    assert run.state == Investigation.State.SETTLED
    beat.run_for(COOLDOWN.total_seconds() + 60)
    investigated(1, incidents)


def test_a_storm_of_alerts_without_a_service_makes_one_investigation(
    sender: Sender, beat: Beat
) -> None:
    for number in range(ALERTS):
        sender.post({"title": f"host {number} is down"})
    assert Incident.objects.count() == 1, "in nearly the same words, at the same time"
    beat.run_for(120)
    investigated(1, 1)


def test_a_storm_that_detectors_see_makes_one_investigation(
    watch: Watch, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    names = chain(ALERTS)
    watch.detector("errors", *names)
    beat = Beat(watch.hands, django_capture_on_commit_callbacks)
    for _ in range(20):
        watch.wait(30)
        with django_capture_on_commit_callbacks(execute=True):
            watching.scan()
    for name in names:
        watch.shift("errors", name, 0.9)
    for _ in range(8):
        watch.wait(30)
        with django_capture_on_commit_callbacks(execute=True):
            watching.scan()
        beat.tick()
    assert Incident.objects.exists()
    assert Investigation.objects.count() == 1


def test_two_troubles_far_apart_on_the_graph_get_one_each(beat: Beat) -> None:
    here, _, _, _, there = (make.service(name) for name in chain(5))
    make.incident(about=here, age_s=60)
    make.incident(about=there, age_s=60)
    beat.tick()
    investigated(2, 2)


def test_an_incident_that_comes_later_joins_the_investigation_under_way(beat: Beat) -> None:
    caller, callee = (make.service(name) for name in chain(2))
    first = make.incident(about=callee, age_s=60)
    analysis.investigation(first, state=Investigation.State.RUNNING, finished_at=None, outcome="")
    late = make.incident(about=caller, age_s=60)
    beat.tick()
    shared = late.shared_investigations.get()
    assert shared.investigation.incident == first
    assert shared.reason == "1 hop and 0 s apart"
    assert "is looked into together with INC-1 (1 hop and 0 s apart)" in late.events.values_list(
        "text", flat=True
    )


def test_what_has_just_settled_is_left_alone_for_a_while(beat: Beat, hands: clock.Hands) -> None:
    """The cause was found upstream of the newcomer: it cannot be its cause, but it may show it."""
    caller, callee, beyond = (make.service(name) for name in chain(3))
    first = make.incident(about=callee, age_s=300, state=State.ANALYSING)
    run = analysis.investigation(first, finished_at=clock.now())
    analysis.hypothesis(run, entity=callee.name, path=[callee.name])
    reached = make.incident(about=caller, age_s=60)
    beyond_it = make.incident(about=beyond, age_s=60)
    beat.tick()
    assert reached.shared_investigations.get().investigation == run
    assert not beyond_it.investigations.exists()
    assert not beyond_it.shared_investigations.exists()
    hands.advance(seconds=COOLDOWN.total_seconds() + 1)
    beat.tick()
    assert beyond_it.investigations.get().state == Investigation.State.SETTLED


def test_only_so_many_begin_a_minute_and_the_rest_keep_their_place(
    beat: Beat, hands: clock.Hands
) -> None:
    count = 2 * commands.STARTS_A_MINUTE + 2
    for number in range(count):
        caller, callee = f"caller-{number}", f"callee-{number}"
        make.service(caller).calls.create(callee=make.service(callee))
        make.incident(about=make.service(caller), age_s=60)
    beat.tick()
    assert Investigation.objects.count() == commands.STARTS_A_MINUTE
    beat.run_for(130)
    assert Investigation.objects.count() == count


def test_a_cause_that_does_not_reach_an_incident_lets_it_go(beat: Beat) -> None:
    """Its follower is below the cause: the callee of a service does not suffer from it."""
    caller, callee = (make.service(name) for name in chain(2))
    first = make.incident(about=caller, age_s=60)
    run = analysis.investigation(first, outcome="best_effort")
    analysis.hypothesis(run, entity=caller.name, path=[caller.name])
    follower = make.incident(about=callee, age_s=60)
    SharedInvestigation.objects.create(investigation=run, incident=follower, reason="1 hop apart")
    share.conclude(run)
    shared = follower.shared_investigations.get()
    assert shared.released_at is not None
    assert shared.release_reason == "what was found at service-0 does not reach service-1"


def test_a_leader_that_ends_before_it_is_looked_into_hands_over(
    beat: Beat, hands: clock.Hands
) -> None:
    caller, callee = (make.service(name) for name in chain(2))
    first = make.incident(about=callee, age_s=60)
    other = make.incident(about=caller, age_s=60)
    led = commands.consider(first)
    assert led is not None
    assert other.shared_investigations.get().investigation == led
    incidents.resolve(incident=first, resolution="gone")
    beat.run_for(60)
    led.refresh_from_db()
    assert (led.state, led.error) == ("cancelled", "INC-1 is resolved")
    assert other.investigations.get().state == Investigation.State.SETTLED


def test_a_person_may_ask_for_one_of_its_own(beat: Beat) -> None:
    caller, callee = (make.service(name) for name in chain(2))
    make.incident(about=callee, age_s=60)
    other = make.incident(about=caller, age_s=60)
    beat.tick()
    commands.start(incident=other, by=make.person(Role.RESPONDER))
    assert other.shared_investigations.get().released_at is not None
    assert other.investigations.count() == 1


def test_a_group_waits_until_it_stops_growing_but_not_for_ever(beat: Beat) -> None:
    for name in chain(30):
        make.incident(about=make.service(name), age_s=0)
        beat.run_for(10)
        if Investigation.objects.exists():
            break
    opened = Incident.objects.earliest("opened_at").opened_at
    assert clock.now() - opened <= timedelta(seconds=130)


@needs_rivals
@pytest.mark.django_db(transaction=True)
def test_two_workers_that_consider_the_same_group_begin_one() -> None:
    caller, callee = (make.service(name) for name in chain(2))
    both = [make.incident(about=each, age_s=60) for each in (caller, callee)]
    turns = iter(both)
    at_once(2, lambda: commands.consider(next(turns)))
    assert Investigation.objects.count() == 1
    assert SharedInvestigation.objects.count() == 1
