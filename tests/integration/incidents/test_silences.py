"""Silences and windows: what they keep quiet, for whom they are, and what comes after."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import transaction

from airra.lib import clock
from airra.lib.db import Conflict
from incidents.commands import silence as commands
from incidents.commands.silence import NotASilence, Wanted
from incidents.ingest.matching import read_lines
from incidents.models import AuditEvent, GroupingDecision, Incident, Silence
from incidents.permissions import NotPermitted
from tests.factories import incidents as make
from tests.integration.incidents.conftest import Sender
from tests.integration.incidents.telling import Told, later


@pytest.fixture
def errors(generic: Sender) -> Told:
    return Told(generic.integration, labels={"region": "eu-1"})


def _begin(by: User, lines: str = "region =~ eu-.*", **changed: Any) -> Silence:
    fields: dict[str, Any] = {
        "reason": "Switch of the disks",
        "starts_at": clock.now(),
        "ends_at": later(hours=1),
        "matchers": read_lines(lines),
    }
    wanted = Wanted(**fields | changed)
    return commands.begin(workspace=make.workspace(), wanted=wanted, by=by)


def test_what_matches_is_stored_and_opens_nothing(errors: Told, responder: User) -> None:
    silence = _begin(responder)
    assert errors.says("firing") is None
    assert not Incident.objects.exists()
    assert errors.alert().silenced_by == silence
    decision = errors.alert().decisions.get()
    assert decision.means == GroupingDecision.Means.SILENCED
    assert "Switch of the disks" in decision.reason


@pytest.mark.parametrize(
    "lines",
    ["region = us-1", "region =~ eu-.*\nservice = search", "severity = critical", "zone != "],
)
def test_what_does_not_match_is_placed(errors: Told, responder: User, lines: str) -> None:
    _begin(responder, lines)
    assert errors.says("firing") is not None


@pytest.mark.parametrize("lines", ["service = payments", "integration = scripts", "zone = "])
def test_what_airra_knows_of_an_alert_can_be_matched(
    errors: Told, responder: User, lines: str
) -> None:
    _begin(responder, lines)
    assert errors.says("firing") is None


def test_a_window_of_a_service_is_for_that_service(
    errors: Told, generic: Sender, responder: User
) -> None:
    _begin(responder, "", service=make.service("payments"), kind=Silence.Kind.MAINTENANCE)
    assert errors.says("firing") is None
    assert Told(generic.integration, key="Other", service="search").says("firing") is not None


def test_it_holds_between_its_two_moments_only(
    errors: Told, hands: clock.Hands, responder: User
) -> None:
    _begin(responder, starts_at=later(minutes=10), ends_at=later(minutes=20))
    assert errors.says("firing") is not None
    errors.says("resolved")
    hands.advance(minutes=10)
    assert errors.says("firing") is None
    errors.says("resolved")
    hands.advance(minutes=10)
    assert errors.says("firing") is not None


def test_one_that_cannot_be_read_lets_alerts_through(errors: Told) -> None:
    make.silence(matchers=[{"label": "region", "op": "~", "value": "eu-1"}])
    assert errors.says("firing") is not None


def test_an_alert_that_is_in_an_incident_keeps_it(errors: Told, responder: User) -> None:
    incident = errors.says("firing")
    _begin(responder)
    errors.says("firing")
    assert errors.alert().incident == incident
    assert errors.alert().silenced_by is None


def test_what_still_fires_after_it_is_taken_in_once(
    errors: Told, generic: Sender, hands: clock.Hands, responder: User
) -> None:
    silence = _begin(responder)
    errors.says("firing")
    cleared = Told(generic.integration, key="Other", labels={"region": "eu-2"})
    cleared.says("firing")
    cleared.says("resolved")
    commands.replay()
    assert not Incident.objects.exists(), "it is not over yet"
    hands.advance(hours=1)
    commands.replay()
    commands.replay()
    alert = errors.alert()
    assert alert.incident == Incident.objects.get()
    assert alert.silenced_by == silence, "its page goes on listing what it swallowed"
    reasons = list(alert.decisions.values_list("reason", flat=True))
    assert len(reasons) == 2
    assert "is over and it still fires" in reasons[-1]
    assert cleared.alert().incident is None
    silence.refresh_from_db()
    assert silence.replayed_at == clock.now()


def test_without_replay_it_stays_quiet_until_it_fires_anew(
    errors: Told, hands: clock.Hands, responder: User
) -> None:
    _begin(responder, replays=False)
    errors.says("firing")
    hands.advance(hours=2)
    commands.replay()
    assert errors.says("firing") is None
    assert errors.says("firing", starts_at=clock.now()) == Incident.objects.get()


def test_another_silence_goes_on_keeping_it(
    errors: Told, hands: clock.Hands, responder: User
) -> None:
    first = _begin(responder, "region = eu-1", ends_at=later(hours=3))
    errors.says("firing")
    longer = _begin(responder, ends_at=later(hours=9))
    commands.end(silence=first, by=responder)
    commands.replay()
    assert errors.alert().silenced_by == longer
    assert not Incident.objects.exists()


def test_it_can_be_ended_early_and_leaves_a_record(
    errors: Told, hands: clock.Hands, responder: User
) -> None:
    silence = _begin(responder)
    errors.says("firing")
    hands.advance(minutes=5)
    commands.end(silence=silence, by=responder)
    commands.replay()
    assert Incident.objects.exists()
    kinds = AuditEvent.objects.filter(kind__startswith="silence.").values_list("kind", flat=True)
    assert sorted(kinds) == ["silence.created", "silence.ended"]


def test_one_that_has_not_begun_can_be_called_off(errors: Told, responder: User) -> None:
    silence = _begin(responder, starts_at=later(hours=1), ends_at=later(hours=2))
    commands.end(silence=silence, by=responder)
    assert errors.says("firing") is not None


def test_who_comes_second_to_end_it_is_told(hands: clock.Hands, responder: User) -> None:
    silence = _begin(responder)
    mine = Silence.objects.get(pk=silence.pk)
    hands.advance(minutes=1)
    commands.end(silence=silence, by=responder)
    with pytest.raises(Conflict), transaction.atomic():
        commands.end(silence=mine, by=responder)
    assert AuditEvent.objects.filter(kind="silence.ended").count() == 1


def test_a_viewer_silences_nothing(hands: clock.Hands, viewer: User) -> None:
    with pytest.raises(NotPermitted):
        _begin(viewer)


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"matchers": ()}, "silence everything"),
        ({"ends_at": None}, "end after it begins"),
        ({"hours": (-2, -1)}, "over already"),
        ({"hours": (0, 24 * 31)}, "at most 30 days"),
    ],
)
def test_what_is_no_silence_is_refused(
    hands: clock.Hands, responder: User, changed: dict[str, Any], why: str
) -> None:
    if "hours" in changed:
        begins, ends = changed["hours"]
        changed = {"starts_at": later(hours=begins), "ends_at": later(hours=ends)}
    elif "ends_at" in changed:
        changed = {"ends_at": clock.now()}
    with pytest.raises(NotASilence, match=why):
        _begin(responder, **changed)
    assert not Silence.objects.exists()
