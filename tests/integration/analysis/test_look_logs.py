"""A look at logs over real HTTP: what it stores, how it goes on, what it reads of too much."""

from datetime import timedelta

import pytest

from airra.lib import clock
from analysis.commands import checkpoint, look_logs
from analysis.models import Anomaly, Connector, Detector, LogTemplate
from analysis.types import LogLine, SignalFinding, Trouble
from tests.integration.analysis.conftest import Watch

LEARN_S = 900
WORDS = {"payments": "charged {i} EUR", "search": "{i} products match"}


@pytest.fixture
def detector(watch: Watch) -> Detector:
    loki = Connector.objects.create(
        workspace=watch.workspace, name="loki", kind="loki", url=watch.fake.url
    )
    return Detector.objects.create(
        workspace=watch.workspace, connector=loki, name="logs", rule=Detector.Rule.LOGS
    )


def write(watch: Watch, text: str, count: int, *, service: str, level: str, ago_s: float) -> None:
    at = clock.now().timestamp() - ago_s
    watch.fake.logs.lines += [
        LogLine(at + i / 100, service, "", level, text.format(i=i), f"trace-{i}")
        for i in range(count)
    ]


def usual(watch: Watch, *, ago_s: float = 0) -> None:
    for service, text in WORDS.items():
        write(watch, text, 5, service=service, level="info", ago_s=ago_s)


def look(detector: Detector) -> list[SignalFinding]:
    detector.refresh_from_db()
    return look_logs.look(detector, clock.now())


@pytest.fixture
def learnt(watch: Watch, detector: Detector) -> Detector:
    """A quarter of an hour of the usual, read at once, and one more look."""
    for ago in range(10, LEARN_S + 10, 10):
        usual(watch, ago_s=ago)
    assert look(detector) == []
    watch.wait(30)
    usual(watch, ago_s=15)
    assert look(detector) == []
    return detector


def test_templates_are_kept_per_service(learnt: Detector) -> None:
    rows = LogTemplate.objects.values_list("service", "text", "level", "was_new")
    assert set(rows) == {
        ("payments", "charged <num> EUR", "info", False),
        ("search", "<num> products match", "info", False),
    }


def test_a_new_error_is_found_named_and_stays_until_it_ends(watch: Watch, learnt: Detector) -> None:
    watch.wait(40)
    write(watch, "bank said {i} no", 6, service="payments", level="error", ago_s=30)
    (found,) = look(learnt)
    assert (found.kind, found.service) == (Trouble.NEW_TEMPLATE, "payments")
    assert found.labels["template"] == "bank said <num> no"
    assert found.details["trace_ids"] == ["trace-3", "trace-4", "trace-5"]
    watch.wait(1)
    assert [f.key for f in look(learnt)] == [found.key]
    row = LogTemplate.objects.get(text="bank said <num> no")
    assert (row.was_new, row.total) == (True, 6)
    assert found.key == f"service=payments,template={row.pk}"


def test_only_what_is_new_is_read(watch: Watch, learnt: Detector) -> None:
    before = list(LogTemplate.objects.values_list("total", flat=True))
    watch.wait(1)
    look(learnt)
    assert list(LogTemplate.objects.values_list("total", flat=True)) == before


def test_an_anomaly_that_is_not_found_again_is_over(watch: Watch, learnt: Detector) -> None:
    at = clock.now()
    anomaly = Anomaly.objects.create(
        detector=learnt, series_key="service=payments,template=x", started_at=at, last_at=at,
        direction="up", value=9, expected=0, low=0, high=0, score=4, kind=Trouble.NEW_TEMPLATE,
    )  # fmt: skip
    (found,) = look(learnt)
    assert found.is_over
    assert found.key == anomaly.series_key


def test_who_is_overtaken_by_another_worker_finds_and_stores_nothing(
    watch: Watch, learnt: Detector, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch.wait(40)
    write(watch, "bank said {i} no", 6, service="payments", level="error", ago_s=30)
    old = checkpoint.remembered(learnt)
    (found,) = look(learnt)
    monkeypatch.setattr(look_logs, "remembered", lambda _: old)
    assert look(learnt) == []
    assert LogTemplate.objects.get(text="bank said <num> no").total == 6
    monkeypatch.undo()
    assert [f.key for f in look(learnt)] == [found.key]


def test_a_flood_of_one_service_hides_no_other_and_is_no_surge(
    watch: Watch, learnt: Detector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(look_logs, "_LINES", 60)
    monkeypatch.setattr(look_logs, "_LINES_EACH", 20)
    watch.wait(40)
    write(watch, "charged {i} EUR", 100, service="payments", level="info", ago_s=25)
    write(watch, "index {i} is broken", 6, service="search", level="error", ago_s=30)
    found = look(learnt)
    assert [(f.service, f.kind) for f in found] == [("search", Trouble.NEW_TEMPLATE)]


def test_after_a_long_pause_what_lies_between_is_not_read(watch: Watch, learnt: Detector) -> None:
    write(watch, "in the pause {i}", 50, service="payments", level="error", ago_s=-60)
    watch.wait(7200)
    usual(watch, ago_s=30)
    assert [f for f in look(learnt) if f.kind is not Trouble.MISSING] == []
    assert not LogTemplate.objects.filter(text__startswith="in the pause").exists()


def test_secrets_and_what_a_database_refuses_are_not_stored(watch: Watch, learnt: Detector) -> None:
    watch.wait(40)
    text = "login\0 with password=hunter22 \ud800 failed"
    write(watch, text, 4, service="payments", level="error", ago_s=30)
    look(learnt)
    row = LogTemplate.objects.get(text__startswith="login")
    assert row.text == "login with [redacted secret] ? failed"


def test_templates_unseen_for_long_are_forgotten(watch: Watch, learnt: Detector) -> None:
    long_ago = clock.now() - timedelta(days=31)
    LogTemplate.objects.create(
        detector=learnt, service="payments", text="old one", first_seen_at=long_ago,
        last_seen_at=long_ago,
    )  # fmt: skip
    watch.wait(40)
    usual(watch, ago_s=20)
    look(learnt)
    assert not LogTemplate.objects.filter(text="old one").exists()


def test_where_there_is_no_room_the_odd_lines_of_yesterday_go(
    watch: Watch, learnt: Detector
) -> None:
    yesterday = clock.now() - timedelta(days=2)
    LogTemplate.objects.bulk_create(
        LogTemplate(
            detector=learnt, service="payments", text=f"word{'x' * n} was said once", total=1,
            first_seen_at=yesterday, last_seen_at=yesterday,
        )
        for n in range(500)
    )  # fmt: skip
    watch.wait(40)
    write(watch, "bank said {i} no", 6, service="payments", level="error", ago_s=30)
    look(learnt)
    assert LogTemplate.objects.filter(service="payments").count() < 5
    watch.wait(40)
    write(watch, "bank said {i} no", 6, service="payments", level="error", ago_s=30)
    look(learnt)
    assert LogTemplate.objects.filter(text="bank said <num> no").exists()
