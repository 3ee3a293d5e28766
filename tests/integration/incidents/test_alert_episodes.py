"""What alerts do to incidents: open, join, raise, end, and come back."""

from datetime import UTC, datetime

import pytest
from django.contrib.auth.models import User

from airra.lib import clock
from incidents.commands import incident as commands
from incidents.lifecycle import Severity, State
from incidents.models import Alert, Incident, TimelineEvent
from tests.integration.incidents.conftest import Sender, batch, fired, over

pytestmark = pytest.mark.django_db
Kind = TimelineEvent.Kind
FIRE, CLEAR = {"title": "disk full", "state": "firing"}, {"title": "disk full", "state": "ok"}


def test_an_alert_opens_an_incident_that_began_when_the_alert_did(alertmanager: Sender) -> None:
    alertmanager.post(batch(fired(minute=4)))
    incident = alertmanager.incident()
    assert incident.started_at == datetime(2026, 3, 2, 2, 55, tzinfo=UTC)
    assert incident.opened_at == datetime(2026, 3, 2, 3, 0, tzinfo=UTC)
    assert incident.severity == Severity.MEDIUM
    assert incident.grouping_reason == "nothing else is open for payments"


def test_an_alert_from_the_future_began_now(alertmanager: Sender) -> None:
    alertmanager.post(batch(fired(startsAt="2026-03-02T09:00:00Z")))
    assert alertmanager.incident().started_at == datetime(2026, 3, 2, 3, 0, tzinfo=UTC)


def test_fire_clear_and_fire_again_in_the_same_words_are_two_episodes(
    generic: Sender, hands: clock.Hands
) -> None:
    """The bodies hold no time: the third is the first one again, and yet no repeat."""
    answers = []
    for body in (FIRE, CLEAR, FIRE):
        answers.append(generic.post(body).status_code)
        assert generic.post(body).json()["repeat"], "at once, the same words are a retry"
        hands.advance(seconds=1)
    assert answers == [202, 202, 202]
    assert generic.episodes() == ["resolved", "firing"]
    first, second = Incident.objects.order_by("number")
    assert (first.state, second.is_live) == (State.RESOLVED, True)


def test_the_end_of_its_only_alert_resolves_the_incident(generic: Sender) -> None:
    generic.post(FIRE)
    generic.post(CLEAR)
    incident = generic.incident()
    assert incident.state == State.RESOLVED
    assert incident.resolution == "every alert has cleared: “disk full”"
    assert incident.events.get(kind=Kind.RESOLVED).payload["alerts"] == [
        str(Alert.objects.get().pk)
    ]


def test_two_alerts_of_one_service_join_and_say_why(alertmanager: Sender) -> None:
    alertmanager.post(batch(fired("HighErrors")))
    alertmanager.post(batch(fired("HighLatency")))
    reported = [text for text in alertmanager.story() if text.startswith("reported")]
    assert reported == [
        "reported “HighErrors” (nothing else is open for payments)",
        "reported “HighLatency” (INC-1 is about payments too: opened within the last minute)",
    ]
    assert set(Alert.objects.values_list("incident", flat=True)) == {alertmanager.incident().pk}


def test_alerts_of_two_services_stay_apart(alertmanager: Sender) -> None:
    alertmanager.post(batch(fired(), fired("Other", labels={"service": "search"})))
    assert Incident.objects.count() == 2


def test_an_incident_ends_with_the_last_of_its_alerts(alertmanager: Sender) -> None:
    alertmanager.post(batch(fired("A"), fired("B")))
    alertmanager.post(batch(over("A")))
    assert alertmanager.incident().is_live
    alertmanager.post(batch(over("B")))
    assert alertmanager.incident().state == State.RESOLVED
    assert "“A”, “B”" in alertmanager.incident().resolution


def test_one_batch_may_hold_a_firing_and_a_resolved_alert(alertmanager: Sender) -> None:
    alertmanager.post(batch(fired("A")))
    alertmanager.post(batch(over("A"), fired("B"), status="firing"))
    found = dict(Alert.objects.values_list("dedup_key", "status"))
    assert found == {"A": "resolved", "B": "firing"}
    assert [i.is_live for i in Incident.objects.order_by("number")] == [False, True]


def test_the_envelope_says_nothing_of_the_alerts(alertmanager: Sender) -> None:
    alertmanager.post(batch(fired("A"), status="resolved"))
    assert alertmanager.incident().is_live


def test_an_alert_that_a_delivery_leaves_out_has_not_ended(alertmanager: Sender) -> None:
    alertmanager.post(batch(fired("A"), fired("B")))
    alertmanager.post(batch(fired("B")))
    assert alertmanager.episodes() == ["firing", "firing"]


def test_an_end_told_before_its_beginning_is_the_end(alertmanager: Sender) -> None:
    alertmanager.post(batch(over("A")))
    assert not Incident.objects.exists(), "what is over when we hear of it opens nothing"
    alertmanager.post(batch(fired("A")))
    assert not Incident.objects.exists(), "and its beginning, told late, opens nothing either"
    assert alertmanager.episodes() == ["resolved"]


def test_an_end_of_an_earlier_episode_does_not_end_the_present_one(alertmanager: Sender) -> None:
    alertmanager.post(batch(fired("A", minute=5)))
    late = over("A", minute=30, end="2026-03-02T02:40:00Z")
    alertmanager.post(batch(late))
    assert alertmanager.incident().is_live
    assert "which is ignored: the present episode began later" in alertmanager.story()[-1]


def test_the_same_end_told_twice_is_told_once(alertmanager: Sender) -> None:
    alertmanager.post(batch(fired("A"), fired("B")))
    alertmanager.post(batch(over("A")))
    before = alertmanager.story()
    alertmanager.post(batch(over("A"), truncatedAlerts=0))
    assert alertmanager.story() == before


def test_the_same_alert_goes_back_to_its_incident_however_old_that_is(
    alertmanager: Sender,
) -> None:
    alertmanager.post(batch(fired("A", minute=50), fired("B", minute=50)))
    Incident.objects.update(opened_at=datetime(2026, 3, 2, 2, 10, tzinfo=UTC))
    alertmanager.post(batch(over("A", minute=50, end="2026-03-02T02:30:00Z")))
    alertmanager.post(batch(fired("A", minute=1)))
    assert alertmanager.incident().is_live
    assert "the same alert belongs to INC-1" in alertmanager.story()[-1]


def test_a_later_alert_of_the_service_opens_an_incident_of_its_own(alertmanager: Sender) -> None:
    alertmanager.post(batch(fired("A", minute=25)))
    alertmanager.post(batch(fired("B")))
    newest = Incident.objects.latest("number")
    assert newest.key == "INC-2"
    assert newest.grouping_reason.startswith("INC-1 of payments is too long ago: ")


def test_severity_rises_with_a_second_alert_and_never_falls(alertmanager: Sender) -> None:
    alertmanager.post(batch(fired("A")))
    alertmanager.post(batch(fired("B", labels={"severity": "critical"})))
    alertmanager.post(batch(fired("C", labels={"severity": "info"})))
    assert alertmanager.incident().severity == Severity.CRITICAL
    raised = alertmanager.incident().events.filter(kind=Kind.SEVERITY)
    assert [event.text for event in raised] == [
        "raised severity from medium to critical: the alert “B”"
    ]


def test_the_same_alert_grown_worse_raises_the_severity(alertmanager: Sender) -> None:
    alertmanager.post(batch(fired("A")))
    alertmanager.post(batch(fired("A", labels={"severity": "critical"})), key="told again")
    assert alertmanager.incident().severity == Severity.CRITICAL
    assert Alert.objects.get().severity == Severity.CRITICAL


def test_a_severity_nobody_knows_is_told(alertmanager: Sender) -> None:
    alertmanager.post(batch(fired("A", labels={"severity": "page"})))
    assert "severity “page” is not known, taken as medium" in " ".join(alertmanager.story())
    assert not Alert.objects.get().severity_mapped


def test_an_incident_a_person_reported_is_not_ended_by_its_alerts(
    alertmanager: Sender, responder: User
) -> None:
    alertmanager.post(batch(fired("A")))
    Incident.objects.update(source=Incident.Source.MANUAL)
    alertmanager.post(batch(over("A")))
    assert alertmanager.incident().is_live


@pytest.mark.parametrize("state", [State.EXECUTING, State.VERIFYING])
def test_while_an_action_runs_its_own_proof_decides(alertmanager: Sender, state: State) -> None:
    alertmanager.post(batch(fired("A")))
    Incident.objects.update(state=state)
    alertmanager.post(batch(over("A")))
    assert alertmanager.incident().state == state
    assert f"the incident stays {state} until its action is proven" in alertmanager.story()[-1]
    Incident.objects.update(state=State.NO_SAFE_ACTION)
    alertmanager.sweep()
    assert alertmanager.incident().state == State.RESOLVED


def test_what_a_person_reopened_is_left_to_people(alertmanager: Sender, responder: User) -> None:
    alertmanager.post(batch(fired("A")))
    alertmanager.post(batch(over("A")))
    commands.reopen(incident=alertmanager.incident(), reason="not over", by=responder)
    alertmanager.sweep()
    assert alertmanager.incident().state == State.OPEN


def test_alerts_of_a_merged_incident_count_for_the_other(
    alertmanager: Sender, responder: User
) -> None:
    alertmanager.post(batch(fired("A"), fired("B", labels={"service": "search"})))
    kept, other = Incident.objects.order_by("number")
    commands.merge(incident=other, into=kept, by=responder)
    alertmanager.post(batch(over("A")))
    kept.refresh_from_db()
    assert kept.is_live, "the alert of the merged incident still fires"
    alertmanager.post(batch(over("B", labels={"service": "search"})))
    kept.refresh_from_db()
    assert kept.state == State.RESOLVED


def test_it_fires_anew_after_a_person_ended_it(generic: Sender, responder: User) -> None:
    generic.post({"title": "disk full", "starts_at": "2026-03-02T02:00:00Z"})
    commands.resolve(incident=generic.incident(), resolution="cleaned up", by=responder)
    generic.post({"title": "disk full", "starts_at": "2026-03-02T02:50:00Z"})
    assert generic.episodes() == ["resolved", "firing"]
    assert Incident.objects.count() == 2
