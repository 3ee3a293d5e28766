"""Deliveries come at least once and in any order: the alert ends up as if all came in order."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from airra.lib import clock
from incidents.commands import delivery as commands
from incidents.commands import retention, taking
from incidents.commands.turn import take_turn
from incidents.lifecycle import AlertStatus
from incidents.models import Alert, Delivery, Incident, Integration, Touch, Workspace
from tests.factories import incidents as make
from tests.fakes.payloads import own, pagerduty, sentry
from tests.fakes.payloads.sent import Sent
from tests.fakes.payloads.worded import NOON, WORDED, Stood, life

pytestmark = pytest.mark.django_db
Did = Touch.Did
FIRING, OVER = AlertStatus.FIRING, AlertStatus.RESOLVED
Episodes = list[tuple[str, datetime, datetime | None, str]]


class Listener:
    """One sender, in a workspace of its own, whose deliveries are read as they are handed over."""

    def __init__(self, kind: str) -> None:
        place = make.workspace(f"{kind}-{Workspace.objects.count()}")
        self.integration = Integration.objects.create(workspace=place, name=kind, kind=kind)

    def stored(self, sent: Sent, received_at: datetime | None = None) -> Delivery:
        return Delivery.objects.create(
            integration=self.integration,
            identity=f"{Delivery.objects.count():064d}",
            body=sent.raw,
            headers=dict(sent.headers),
            content_type=sent.content_type,
            received_at=received_at or clock.now(),
        )

    def hears(self, *deliveries: Sent) -> None:
        for sent in deliveries:
            self.reads(self.stored(sent))

    def reads(self, delivery: Delivery) -> None:
        with transaction.atomic():
            taking.take_all([delivery], take_turn(self.integration.workspace))
        delivery.refresh_from_db()
        assert delivery.state == Delivery.State.PROCESSED, delivery.error

    @property
    def alerts(self) -> list[Alert]:
        return list(Alert.objects.filter(integration=self.integration).order_by("starts_at"))

    @property
    def episodes(self) -> Episodes:
        return [(a.status, a.starts_at, a.ends_at, a.severity) for a in self.alerts]

    @property
    def open_incidents(self) -> int:
        return Incident.objects.open().filter(workspace=self.integration.workspace).count()


def stories(kind: str) -> st.SearchStrategy[list[tuple[str, int]]]:
    states = st.sampled_from(WORDED[kind][0])
    return st.lists(st.tuples(states, st.integers(0, 2)), min_size=2, max_size=6)


@st.composite
def told(draw: st.DrawFn) -> tuple[str, list[Stood], list[Stood]]:
    kind = draw(st.sampled_from(sorted(WORDED)))
    ordered = life(draw(stories(kind)))
    if kind == "alertmanager":  # it tells an end only once, and of what it told to have begun
        ordered = [each for each in ordered if each.state == "firing" or each.was == "firing"]
    return kind, ordered, draw(st.permutations(ordered))


def _reopened(kind: str, *order: int) -> tuple[str, list[Stood], list[Stood]]:
    ordered = life([("firing", 1), ("resolved", 0), ("firing", 0), ("resolved", 0)])
    return kind, ordered, [ordered[index] for index in order]


@settings(
    max_examples=40,
    deadline=None,
    phases=(Phase.explicit, Phase.generate),  # a story of six words is short enough as it is
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(case=told())
@example(case=_reopened("pagerduty", 3, 2, 1, 0))
@example(case=_reopened("sentry", 3, 0, 2, 1))
@example(case=_reopened("alertmanager", 0, 2, 1, 3))
@example(case=_reopened("generic", 1, 3, 2, 0))
def test_any_order_ends_in_the_same_state(
    hands: clock.Hands, case: tuple[str, list[Stood], list[Stood]]
) -> None:
    kind, ordered, shuffled = case
    word = WORDED[kind][1]
    in_order, in_any = Listener(kind), Listener(kind)
    in_order.hears(*map(word, ordered))
    in_any.hears(*map(word, shuffled))
    assert in_any.episodes == in_order.episodes
    if not any(status != OVER for status, *_ in in_any.episodes):
        assert in_any.open_incidents == 0
    told = Touch.objects.filter(delivery__integration=in_any.integration)
    assert told.count() == len(shuffled), "each delivery says what it did"


def _webhook(what: str, minute: int, **fields: Any) -> Sent:
    at = (NOON + timedelta(minutes=minute)).isoformat()
    return pagerduty.webhook(f"incident.{what}", at, **{"created_at": NOON.isoformat()} | fields)


def test_a_beginning_told_after_its_end_wakes_nobody(hands: clock.Hands) -> None:
    heard = Listener("pagerduty")
    heard.hears(_webhook("resolved", 8), _webhook("triggered", 0))
    (alert,) = heard.alerts
    assert (alert.status, alert.starts_at) == (OVER, NOON)
    assert alert.ends_at == NOON + timedelta(minutes=8)
    assert alert.came_late
    assert not Incident.objects.filter(workspace=alert.workspace).exists()
    dids = alert.touches.order_by("id").values_list("did", flat=True)
    assert list(dids) == [Did.ENDED, Did.LATE]


def test_an_acknowledgement_told_after_the_end_wakes_nobody(hands: clock.Hands) -> None:
    heard = Listener("pagerduty")
    heard.hears(_webhook("triggered", 0), _webhook("resolved", 8), _webhook("acknowledged", 5))
    assert [status for status, *_ in heard.episodes] == [OVER]
    assert heard.open_incidents == 0


def test_the_end_of_a_second_episode_is_kept_for_its_beginning(hands: clock.Hands) -> None:
    heard = Listener("pagerduty")
    heard.hears(_webhook("triggered", 0), _webhook("resolved", 8), _webhook("resolved", 40))
    heard.hears(_webhook("reopened", 30))
    assert [status for status, *_ in heard.episodes] == [OVER, OVER]
    assert heard.alerts[1].ends_at == NOON + timedelta(minutes=40)
    assert heard.open_incidents == 0


def test_what_fires_after_an_end_that_came_first_opens_an_episode(hands: clock.Hands) -> None:
    heard = Listener("pagerduty")
    heard.hears(_webhook("resolved", 8), _webhook("reopened", 9))
    assert [status for status, *_ in heard.episodes] == [OVER, FIRING]
    assert heard.open_incidents == 1


def test_a_late_end_leaves_the_live_episode_in_its_incident(hands: clock.Hands) -> None:
    heard = Listener("pagerduty")
    heard.hears(_webhook("triggered", 0), _webhook("reopened", 30), _webhook("resolved", 8))
    first, second = heard.alerts
    assert (first.status, second.status) == (OVER, FIRING)
    assert first.incident == second.incident
    assert heard.open_incidents == 1
    assert first.incident is not None
    story = first.incident.events.order_by("id").values_list("text", flat=True)
    assert "which is ignored: the present episode began later" in list(story)[-1]


def test_within_one_moment_an_end_follows_its_beginning_and_precedes_a_return(
    hands: clock.Hands,
) -> None:
    for order in ([0, 1, 2], [2, 1, 0], [1, 0, 2], [1, 2, 0]):
        heard = Listener("pagerduty")
        words = [_webhook("triggered", 0), _webhook("resolved", 0), _webhook("reopened", 0)]
        heard.hears(*(words[index] for index in order))
        assert [status for status, *_ in heard.episodes] == [OVER, FIRING], order


def test_an_event_in_the_second_of_sentrys_end_came_before_it(hands: clock.Hands) -> None:
    at = "2026-03-01T11:58:00.700Z"
    heard = Listener("sentry")
    heard.hears(sentry.issue(), sentry.issue("resolved"), sentry.event_alert(datetime=at))
    assert [status for status, *_ in heard.episodes] == [OVER]


# Words without a time: what arrived first was first, whenever it is read.


@pytest.mark.parametrize("body", ["own", "events"])
def test_a_delivery_that_is_read_late_is_as_old_as_its_arrival(
    hands: clock.Hands, body: str
) -> None:
    heard = Listener("generic" if body == "own" else "pagerduty_events")
    if body == "own":
        firing, over = own.generic(starts_at=...), own.generic("ok", starts_at=...)
    else:
        firing, over = pagerduty.event(), pagerduty.follow_up("resolve")
    waits = heard.stored(firing)
    hands.advance(minutes=1)
    heard.hears(over)
    hands.advance(minutes=1)
    heard.reads(waits)
    assert [status for status, *_ in heard.episodes] == [OVER]
    assert heard.open_incidents == 0
    heard.hears(firing.but(("payload", "timestamp"), ...) if body == "events" else firing)
    assert [status for status, *_ in heard.episodes] == [OVER, FIRING], "but news is news"


def test_a_clock_that_is_ahead_makes_nothing_later_look_old(hands: clock.Hands) -> None:
    heard = Listener("generic")
    ahead = (clock.now() + timedelta(hours=5)).isoformat()
    heard.hears(own.generic(starts_at=ahead), own.generic("ok", starts_at=..., ends_at=ahead))
    hands.advance(minutes=1)
    heard.hears(own.generic(starts_at=clock.now().isoformat()))
    assert heard.episodes[0][0] == FIRING, "the newest began before the start that was told"


def test_an_end_by_a_clock_that_lags_ends_what_began_on_arrival(hands: clock.Hands) -> None:
    heard = Listener("generic")
    heard.hears(own.generic(starts_at=...))
    lags = (clock.now() - timedelta(minutes=3)).isoformat()
    heard.hears(own.generic("ok", starts_at=..., ends_at=lags))
    assert [status for status, *_ in heard.episodes] == [OVER]


def test_what_was_refused_and_is_read_again_takes_its_place(hands: clock.Hands) -> None:
    heard = Listener("pagerduty")
    began = heard.stored(_webhook("triggered", 0))
    Delivery.objects.filter(pk=began.pk).update(state=Delivery.State.REFUSED, error="x")
    heard.hears(_webhook("resolved", 8))
    began.refresh_from_db()
    commands.replay(delivery=began, by=make.person(place=began.integration.workspace))
    began.refresh_from_db()
    heard.reads(began)
    assert [status for status, *_ in heard.episodes] == [OVER]
    assert heard.open_incidents == 0


def test_what_was_told_is_forgotten_with_its_deliveries_and_late_words_are_still_late(
    hands: clock.Hands, settings: Any
) -> None:
    settings.DELIVERY_KEPT_DAYS = 30
    heard = Listener("pagerduty")
    heard.hears(_webhook("triggered", 0), _webhook("acknowledged", 1), _webhook("resolved", 8))
    hands.advance(days=31)
    retention.drop_old()
    kept = Touch.objects.filter(delivery__integration=heard.integration)
    assert [each.did for each in kept] == [Did.BEGAN]
    heard.hears(_webhook("acknowledged", 2), _webhook("triggered", 0))
    assert [status for status, *_ in heard.episodes] == [OVER]
    assert heard.open_incidents == 0
