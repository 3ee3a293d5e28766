"""What people teach a detector: audited, idempotent, undoable, and only by who may."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User

from airra.lib import clock
from airra.lib.db import Conflict
from analysis.commands import tuning
from analysis.models import Anomaly, Detector, SeriesTuning
from incidents.models import AuditEvent, Incident, TimelineEvent
from incidents.permissions import NotPermitted
from tests.factories import analysis
from tests.factories import incidents as make

pytestmark = pytest.mark.django_db

REAL, NOT = Anomaly.Feedback.REAL, Anomaly.Feedback.NOT_AN_ANOMALY
SERIES = "service=payments"


@pytest.fixture
def about() -> Incident:
    return make.incident(about=make.service("payments"))


def anomaly(about: Incident, **fields: Any) -> Anomaly:
    """Twice its band: expected 10, the band ends at 20, it reads 30."""
    values = {"expected": 10.0, "low": 0.0, "high": 20.0, "value": 30.0, **fields}
    return analysis.anomaly(about, **values)


def tolerance() -> float:
    return SeriesTuning.objects.get(series_key=SERIES).tolerance


def fresh(found: Anomaly) -> Anomaly:
    return Anomaly.objects.select_related("detector__workspace", "incident", "service").get(
        pk=found.pk
    )


def test_not_an_anomaly_raises_the_tolerance_and_ends_it(about: Incident, responder: User) -> None:
    found = anomaly(about)
    tuning.say(anomaly=found, feedback=NOT, by=responder)
    stored = fresh(found)
    assert tolerance() == pytest.approx(2.1)
    assert stored.ended_at is not None
    assert (stored.feedback, stored.feedback_by) == (NOT, responder)
    assert SeriesTuning.objects.get().not_anomalies == 1


def test_it_is_on_the_record_and_in_the_story(about: Incident, responder: User) -> None:
    tuning.say(anomaly=anomaly(about), feedback=NOT, by=responder)
    (event,) = AuditEvent.objects.filter(kind="anomaly.not_an_anomaly")
    assert event.before == {"feedback": "", "tolerance": 1.0}
    assert event.after["series"] == SERIES
    told = about.events.get(kind=TimelineEvent.Kind.VERDICT)
    assert told.text == "calls it no anomaly: memory of payments"


def test_saying_it_twice_is_saying_it_once(about: Incident, responder: User) -> None:
    found = anomaly(about)
    tuning.say(anomaly=found, feedback=NOT, by=responder)
    tuning.say(anomaly=fresh(found), feedback=NOT, by=responder)
    assert tolerance() == pytest.approx(2.1)
    assert AuditEvent.objects.filter(kind__startswith="anomaly.").count() == 1


def test_it_can_be_taken_back(about: Incident, responder: User) -> None:
    found = anomaly(about)
    tuning.say(anomaly=found, feedback=NOT, by=responder)
    tuning.say(anomaly=fresh(found), feedback="", by=responder)
    assert tolerance() == pytest.approx(1.0)
    assert (fresh(found).feedback, fresh(found).feedback_by) == ("", None)
    assert SeriesTuning.objects.get().not_anomalies == 0


def test_a_bound_that_cut_a_word_short_does_not_spoil_taking_it_back(
    about: Incident, responder: User
) -> None:
    found = anomaly(about, value=10_000.0)
    tuning.say(anomaly=found, feedback=NOT, by=responder)
    assert tolerance() == 16
    tuning.say(anomaly=fresh(found), feedback="", by=responder)
    assert tolerance() == pytest.approx(1.0)


def test_real_undoes_the_other_word(about: Incident, responder: User) -> None:
    found = anomaly(about)
    tuning.say(anomaly=found, feedback=NOT, by=responder)
    tuning.say(anomaly=fresh(found), feedback=REAL, by=responder)
    assert tolerance() == pytest.approx(1.0)
    row = SeriesTuning.objects.get()
    assert (row.not_anomalies, row.real_anomalies) == (0, 1)


def test_a_later_real_one_brings_it_halfway_back(about: Incident, responder: User) -> None:
    first = anomaly(about, value=50.0)  # four times its band
    tuning.say(anomaly=first, feedback=NOT, by=responder)
    second = anomaly(about)
    tuning.say(anomaly=second, feedback=REAL, by=responder)
    assert tolerance() == pytest.approx((4 * 1.05) ** 0.5)
    assert fresh(second).ended_at is None, "what is real goes on"


def test_words_on_what_began_before_the_first_do_not_add_up(
    about: Incident, responder: User
) -> None:
    """Both were judged with the usual tolerance: the same departure needs no more than once."""
    now = clock.now()
    old = [
        anomaly(
            about, started_at=now - timedelta(hours=n), ended_at=now - timedelta(minutes=50 * n)
        )
        for n in (3, 2)
    ]
    for each in old:
        tuning.say(anomaly=fresh(each), feedback=NOT, by=responder)
    assert tolerance() == pytest.approx(2.1)


def test_words_on_what_began_after_it_do(about: Incident, responder: User) -> None:
    tuning.say(anomaly=anomaly(about), feedback=NOT, by=responder)
    later = anomaly(about, started_at=clock.now() + timedelta(minutes=5))
    tuning.say(anomaly=later, feedback=NOT, by=responder)
    assert tolerance() == pytest.approx(2.1 * 2.1)


def test_somebody_else_was_faster(about: Incident, responder: User, approver: User) -> None:
    found = anomaly(about)
    stale = fresh(found)
    tuning.say(anomaly=found, feedback=NOT, by=responder)
    with pytest.raises(Conflict):
        tuning.say(anomaly=stale, feedback=REAL, by=approver)
    assert tolerance() == pytest.approx(2.1)


def test_a_rule_that_learns_no_distance_keeps_its_tolerance(
    about: Incident, responder: User
) -> None:
    full = analysis.detector("full", rule=Detector.Rule.SATURATION, limit=100)
    found = anomaly(about, by=full)
    tuning.say(anomaly=found, feedback=NOT, by=responder)
    assert tolerance() == 1.0
    assert fresh(found).feedback == NOT


@pytest.mark.parametrize("said", [REAL, NOT, ""])
def test_a_viewer_has_no_word(about: Incident, viewer: User, said: str) -> None:
    with pytest.raises(NotPermitted):
        tuning.say(anomaly=anomaly(about), feedback=said, by=viewer)


def test_settings_are_stored_with_what_they_were(responder: User) -> None:
    rule = analysis.detector()
    given = {"alarms_per_week": 1.0, "floor": 0.0, "direction": "both"}
    assert tuning.change(detector=rule, settings=given, by=responder) == [
        "alarms_per_week",
        "direction",
    ]
    rule.refresh_from_db()
    assert (rule.alarms_per_week, rule.direction) == (1.0, "both")
    (event,) = AuditEvent.objects.filter(kind="detector.tuned")
    assert event.before == {"alarms_per_week": 0.35, "direction": "up"}
    assert tuning.change(detector=rule, settings=given, by=responder) == []
    assert AuditEvent.objects.filter(kind="detector.tuned").count() == 1


def test_the_query_is_not_among_them(responder: User) -> None:
    with pytest.raises(ValueError, match="not among the settings to tune: query"):
        tuning.change(detector=analysis.detector(), settings={"query": "up"}, by=responder)


def test_muting_and_unmuting(responder: User) -> None:
    rule = analysis.detector()
    until = clock.now() + timedelta(hours=1)
    tuning.mute(detector=rule, until=until, by=responder)
    rule.refresh_from_db()
    assert rule.muted_until == until
    tuning.unmute(detector=rule, by=responder)
    tuning.unmute(detector=rule, by=responder)
    rule.refresh_from_db()
    assert rule.muted_until is None
    events = AuditEvent.objects.filter(kind__startswith="detector.").order_by("pk")
    assert [event.kind for event in events] == ["detector.muted", "detector.unmuted"]


def test_nothing_is_put_off_until_a_moment_that_has_passed(responder: User) -> None:
    rule = analysis.detector()
    past = clock.now() - timedelta(seconds=1)
    with pytest.raises(ValueError, match="still to come"):
        tuning.mute(detector=rule, until=past, by=responder)
    with pytest.raises(ValueError, match="still to come"):
        tuning.snooze(detector=rule, series_key=SERIES, until=past, by=responder)


def test_switching_off_takes_an_admin(approver: User, admin_user: User) -> None:
    rule = analysis.detector()
    with pytest.raises(NotPermitted):
        tuning.switch(detector=rule, is_on=False, by=approver)
    tuning.switch(detector=rule, is_on=False, by=admin_user)
    tuning.switch(detector=rule, is_on=False, by=admin_user)
    rule.refresh_from_db()
    assert not rule.is_enabled
    assert AuditEvent.objects.filter(kind="detector.disabled").count() == 1


def test_one_series_may_wait(responder: User) -> None:
    rule = analysis.detector()
    until = clock.now() + timedelta(hours=8)
    tuning.snooze(detector=rule, series_key=SERIES, until=until, by=responder)
    tuning.snooze(detector=rule, series_key=SERIES, until=until, by=responder)
    row = SeriesTuning.objects.get()
    assert (row.snoozed_until, row.tolerance, row.changed_by) == (until, 1.0, responder)
    tuning.snooze(detector=rule, series_key=SERIES, until=None, by=responder)
    row.refresh_from_db()
    assert row.snoozed_until is None
    slept, woke = AuditEvent.objects.filter(kind__startswith="series.").order_by("pk")
    assert (slept.kind, slept.before) == ("series.snoozed", {"snoozed_until": None})
    assert (woke.kind, woke.before) == ("series.woken", {"snoozed_until": until.isoformat()})
