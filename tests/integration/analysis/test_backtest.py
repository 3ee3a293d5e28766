"""A detector replayed over stored history: causal, side by side, measured by what people said."""

import json
import math
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from airra.lib import clock
from analysis.commands.backtest import CannotReplay, Limits, Request, run
from analysis.connectors.base import ConnectorError
from analysis.models import Anomaly, Connector, Detector, Hypothesis
from tests.factories import analysis
from tests.factories import incidents as make
from tests.integration.analysis.conftest import NOON, Watch

HOUR = 3600.0
BEGAN = NOON - timedelta(hours=3)


def wave(at: float) -> float:
    """Requests a second: 100, give or take a few."""
    return 100 + 3 * math.sin(at / 61) + 2 * math.sin(at / 223) + math.sin(at / 17)


def jumped(at: float) -> float:
    """The same, and for half an hour three times as much."""
    since = at - BEGAN.timestamp()
    return wave(at) * (3 if 0 <= since < HOUR / 2 else 1)


@pytest.fixture
def rule(watch: Watch) -> Detector:
    watch.fake.metrics.put("requests", jumped, service="payments")
    watch.fake.metrics.put("requests", wave, service="checkout")
    return Detector.objects.create(
        workspace=watch.workspace,
        connector=watch.connector,
        name="requests",
        query="requests",
        direction="both",
        step_s=60,
        history_s=int(12 * HOUR),
    )


def day(**fields: Any) -> Request:
    return Request(**{"span_s": 12 * HOUR, **fields})


def test_what_would_have_been_flagged(rule: Detector) -> None:
    found = run(rule, day())
    (outcome,) = found.outcomes
    (alarm,) = outcome.alarms
    began = BEGAN.timestamp()
    assert (alarm.series_key, alarm.service) == ("service=payments", "payments")
    assert began <= alarm.stretch.raised_at <= began + 600
    assert alarm.stretch.ended_at is not None
    assert began + 1800 <= alarm.stretch.ended_at <= began + 2400
    assert alarm.stretch.value > alarm.stretch.high
    assert outcome.per_series_week == pytest.approx(1 / (2 * 0.5 / 7))
    assert (found.step_s, found.warm_up_s) == (60, 12 * HOUR)
    assert not Anomaly.objects.exists()


def test_the_past_does_not_know_the_future(watch: Watch, rule: Detector) -> None:
    """Asked again three hours later, it says the same of the same time."""
    before = run(rule, day()).outcomes[0].alarms
    watch.wait(3 * HOUR)
    after = run(rule, day(span_s=15 * HOUR)).outcomes[0].alarms
    assert [a.stretch.raised_at for a in before] == [a.stretch.raised_at for a in after]


def test_settings_side_by_side(rule: Detector) -> None:
    found = run(rule, day(variants=({}, {"floor": 1000.0})))
    assert [len(one.alarms) for one in found.outcomes] == [1, 0]
    assert found.outcomes[1].settings["floor"] == 1000.0
    rule.refresh_from_db()
    assert rule.floor == 0


def test_a_tolerance_that_people_taught_counts(rule: Detector) -> None:
    rule.tunings.create(series_key="service=payments", tolerance=16)
    before = run(rule, day()).outcomes[0].alarms
    rule.tunings.update(tolerance=1)
    after = run(rule, day()).outcomes[0].alarms
    assert len(before) <= len(after) == 1


def test_it_is_measured_by_confirmed_incidents(rule: Detector, responder: User) -> None:
    about = make.incident(about=make.service("payments"))
    about.started_at = BEGAN - timedelta(minutes=2)
    about.save()
    elsewhere = make.incident(about=make.service("bank"))
    for one in (about, elsewhere):
        run_of = analysis.investigation(one)
        analysis.hypothesis(
            run_of,
            verdict=Hypothesis.Verdict.CONFIRMED,
            verdict_by=responder,
            verdict_at=clock.now(),
        )
    found = run(rule, day())
    (outcome,) = found.outcomes
    assert (found.incidents, outcome.incidents_found) == (1, 1), "the bank is not what it watches"
    assert outcome.alarms[0].matches == about.key
    assert outcome.delay_s is not None
    assert 120 <= outcome.delay_s <= 720
    assert outcome.unmatched == 0


@pytest.mark.parametrize(
    ("said", "words", "counts"),
    [
        ("real", "called real", (1, 0, 1, 0)),
        ("not_an_anomaly", "called no anomaly", (0, 1, 0, 1)),
    ],
)
def test_it_is_measured_by_what_people_called_real(
    rule: Detector, said: str, words: str, counts: tuple[int, int, int, int]
) -> None:
    about = make.incident(about=make.service("payments"))
    analysis.anomaly(
        about, by=rule, feedback=said, started_at=BEGAN, ended_at=BEGAN + timedelta(hours=1)
    )
    found = run(rule, day())
    (outcome,) = found.outcomes
    assert outcome.alarms[0].matches == words
    assert (found.real, found.false, outcome.real_found, outcome.false_again) == counts


def test_too_much_is_refused_in_words(rule: Detector) -> None:
    with pytest.raises(CannotReplay, match=r"2 series over 1 d .* the limit is 700 a series"):
        run(rule, day(limits=Limits(points=700, cells=10_000)))


def test_wider_steps_make_room_where_they_are_allowed(rule: Detector) -> None:
    found = run(rule, day(limits=Limits(points=1000, cells=10_000), is_coarse=True))
    assert found.step_s == 120
    with pytest.raises(CannotReplay, match="too many points"):
        run(rule, day(limits=Limits(points=700, cells=10_000), is_coarse=True))


def test_a_long_past_is_asked_for_in_parts(
    watch: Watch, rule: Detector, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = run(rule, day())
    watch.fake.metrics.queries.clear()
    monkeypatch.setattr("analysis.commands.backtest._ANSWER_POINTS", 500)
    parted = run(rule, day())
    assert len(watch.fake.metrics.queries) == 1 + 3
    assert parted.as_json() == whole.as_json()


def test_a_series_that_came_later_has_a_gap_before(watch: Watch, rule: Detector) -> None:
    def late(at: float) -> float:
        return wave(at) if at > NOON.timestamp() - HOUR else math.nan

    watch.fake.metrics.put("requests", late, service="search")
    found = run(rule, day(is_drawn=True))
    drawn = found.outcomes[0].sketches["service=search"]
    assert math.isnan(drawn.values[0])
    assert not math.isnan(drawn.values[-1])
    assert "service=search" not in {alarm.series_key for alarm in found.outcomes[0].alarms}


def test_progress_goes_from_nothing_to_all(rule: Detector) -> None:
    told: list[float] = []
    run(rule, day(variants=({}, {"floor": 5.0}), progress=told.append))
    assert told == sorted(told)
    assert told[-1] == pytest.approx(1)


def test_a_query_without_series_is_said(watch: Watch, rule: Detector) -> None:
    watch.fake.metrics.series["requests"] = []
    with pytest.raises(CannotReplay, match="no series now"):
        run(rule, day())


def test_a_source_that_fails_is_named(rule: Detector) -> None:
    rule.connector.url = "http://127.0.0.1:9"
    with pytest.raises(ConnectorError):
        run(rule, day())


def test_a_source_without_metrics_cannot_be_replayed(rule: Detector) -> None:
    Connector.objects.filter(pk=rule.connector.pk).update(kind="loki")
    rule.connector.refresh_from_db()
    with pytest.raises(ConnectorError):
        run(rule, day())


def command(*arguments: str) -> str:
    out = StringIO()
    call_command("backtest", *arguments, stdout=out)
    return out.getvalue()


def test_the_command_prints_a_table_and_json_last(rule: Detector) -> None:
    text = command("requests", "--days", "0.5", "--alarms-per-week", "1", "--floor", "1000")
    assert "as it is" in text
    assert "with these settings" in text
    assert "matching nothing" in text
    facts = json.loads(text.splitlines()[-1])
    assert [one["anomalies"] for one in facts["outcomes"]] == [1, 0]
    assert facts["detector"] == "requests"
    alone = command("requests", "--days", "0.5", "--json")
    assert len(alone.splitlines()) == 1


def test_the_command_names_what_is_wrong(rule: Detector) -> None:
    for arguments, words in (
        (["nothing"], "there is no detector nothing; there is requests"),
        (["requests", "--days", "0"], "not a number above 0"),
        (["requests", "--floor", "-1"], "not a number above 0"),
        (["requests", "--days", "99999"], "too many points"),
    ):
        with pytest.raises(CommandError, match=words):
            command(*arguments)
    place = make.workspace("elsewhere")
    analysis.detector("requests", place=place, query="up", last_run_at=clock.now())
    with pytest.raises(CommandError, match="in several workspaces"):
        command("requests")
    assert "as it is" in command("requests", "--workspace", "default", "--days", "0.5")


RULES: dict[str, tuple[dict[str, Any], str]] = {
    "missing": ({}, "missing"),
    "counter_reset": ({}, "counter_reset"),
    "saturation": ({"limit": 300}, "saturation"),
    "burn_rate": ({"objective": 0.95}, "burn_rate"),
    "forecast": ({"limit": 5_000, "horizon_s": 7200}, "forecast_breach"),
}


def troubled(name: str, at: float) -> float:
    """What the rule is about, for half an hour."""
    since = at - BEGAN.timestamp()
    is_now = 0 <= since < HOUR / 2
    return {
        "missing": math.nan if is_now else 1.0,
        "counter_reset": 1e5 + since if since < 0 else since,
        "saturation": 290.0 if is_now else 100.0,
        "burn_rate": 1.0 if -HOUR <= since < HOUR else 0.0,
        "forecast": 100 + max(since, 0) / 3 + 3 * math.sin(at / 61),
    }[name]


@pytest.mark.parametrize("name", RULES)
def test_every_rule_on_metrics_can_be_replayed(watch: Watch, name: str) -> None:
    fields, kind = RULES[name]
    watch.fake.metrics.put("it", lambda at: troubled(name, at), service="payments")
    rule = Detector.objects.create(
        workspace=watch.workspace, connector=watch.connector, name=name, query="it", rule=name,
        step_s=60, **fields,
    )  # fmt: skip
    (outcome,) = run(rule, day(is_drawn=True)).outcomes
    assert {str(alarm.stretch.kind) for alarm in outcome.alarms} == {kind}
    assert len(outcome.alarms) == 1
    assert set(outcome.sketches) == {"service=payments"}


@pytest.mark.parametrize("name", ["logs", "traces"])
def test_logs_and_traces_say_that_they_cannot(watch: Watch, name: str) -> None:
    rule = analysis.detector(name, rule=name, query="", connector=watch.connector)
    with pytest.raises(CannotReplay, match="cannot be replayed"):
        run(rule, day())


def test_a_rule_without_its_limit_says_so(rule: Detector) -> None:
    rule.rule = Detector.Rule.SATURATION
    with pytest.raises(CannotReplay, match="needs the limit"):
        run(rule, day())
    found = run(rule, day(variants=({"limit": 200.0},)))
    assert len(found.outcomes[0].alarms) == 1
