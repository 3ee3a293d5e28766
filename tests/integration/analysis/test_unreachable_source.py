"""A slow or dead source delays nobody else, is knocked at less and less, and is itself reported."""

from collections import defaultdict
from datetime import timedelta

import pytest
from celery import current_app

from airra.lib import clock
from airra.lib.jobs import Job
from analysis.commands import watch as watching
from analysis.models import Anomaly, Connector, Detector
from incidents.models import Incident
from tests.integration.analysis.conftest import Watch, look

pytestmark = pytest.mark.django_db(transaction=True)
NOBODY = "http://127.0.0.1:9"


@pytest.fixture
def woken(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, str]]:
    """What jobs a scan wakes, instead of running them at once."""
    calls: list[dict[str, str]] = []
    current_app.loader.import_default_modules()
    task = current_app.tasks[Job.WATCH.value]
    monkeypatch.setattr(task, "apply_async", lambda kwargs, **_: calls.append(kwargs))
    return calls


def kill(watch: Watch) -> None:
    Connector.objects.filter(pk=watch.connector.pk).update(url=NOBODY)


def revive(watch: Watch) -> None:
    Connector.objects.filter(pk=watch.connector.pk).update(url=watch.fake.url)


def knock(watch: Watch, woken: list[dict[str, str]]) -> int:
    """A scan, and the jobs it wakes; returns how many detectors were looked through."""
    woken.clear()
    found = watching.scan()
    for call in woken:
        watching.run(
            detector_ids=call["detector_ids"].split(","),
            claimed_at=clock.now().fromisoformat(call["claimed_at"]),
        )
    return found


def test_detectors_of_a_source_go_to_workers_in_shards_of_one_source(
    watch: Watch, woken: list[dict[str, str]]
) -> None:
    other = Connector.objects.create(
        workspace=watch.workspace, name="second", kind="prometheus", url=watch.fake.url
    )
    for n in range(6):
        watch.detector(f"first{n}", "payments")
    watch.detector("second0", "payments", connector=other)
    assert watching.scan() == 7
    shards = [call["detector_ids"].split(",") for call in woken]
    assert sorted(len(shard) for shard in shards) == [1, 2, watching.SHARD]
    sources = defaultdict(set)
    for number, shard in enumerate(shards):
        sources[number] = set(
            Detector.objects.filter(pk__in=shard).values_list("connector__name", flat=True)
        )
    assert all(len(names) == 1 for names in sources.values())


def test_a_message_that_comes_twice_finds_the_work_taken(
    watch: Watch, woken: list[dict[str, str]]
) -> None:
    errors = watch.detector("errors", "payments")
    watching.scan()
    claimed_at = Detector.objects.get(pk=errors.pk).claimed_at
    assert claimed_at is not None
    for _ in range(2):
        watching.run(detector_ids=[str(errors.pk)], claimed_at=claimed_at)
    assert watch.fake.metrics.queries.count("errors") == 2, "one look at its history, and one look"


def test_a_message_of_an_earlier_claim_does_nothing(
    watch: Watch, woken: list[dict[str, str]]
) -> None:
    errors = watch.detector("errors", "payments")
    early = clock.now()
    watching.scan()
    watch.wait(61)
    watching.scan()
    watching.run(detector_ids=[str(errors.pk)], claimed_at=early)
    assert "errors" not in watch.fake.metrics.queries


def test_one_time_out_is_paid_for_a_whole_shard(watch: Watch, woken: list[dict[str, str]]) -> None:
    for n in range(4):
        watch.detector(f"metric{n}", "payments")
    kill(watch)
    assert knock(watch, woken) == 4
    watch.connector.refresh_from_db()
    assert watch.connector.failures == 1
    errors = set(Detector.objects.values_list("last_error", flat=True))
    assert len(errors) == 1
    assert "127.0.0.1:9" in errors.pop()


def test_a_dead_source_is_knocked_at_less_and_less_and_by_one(
    watch: Watch, woken: list[dict[str, str]]
) -> None:
    for n in range(3):
        watch.detector(f"metric{n}", "payments")
    kill(watch)
    assert knock(watch, woken) == 3
    assert knock(watch, woken) == 0
    pauses = []
    for _ in range(7):
        watch.connector.refresh_from_db()
        assert watch.connector.next_try_at is not None
        pauses.append((watch.connector.next_try_at - clock.now()).total_seconds())
        watch.wait(pauses[-1] + 30)
        assert knock(watch, woken) == 1
    assert pauses == sorted(pauses)
    assert (pauses[0], pauses[-1]) == (15, 300)


def test_the_first_answer_brings_all_its_detectors_back(
    watch: Watch, woken: list[dict[str, str]]
) -> None:
    for n in range(3):
        watch.detector(f"metric{n}", "payments")
    kill(watch)
    knock(watch, woken)
    revive(watch)
    watch.wait(60)
    assert knock(watch, woken) == 1
    watch.connector.refresh_from_db()
    assert (watch.connector.failures, watch.connector.failing_since) == (0, None)
    assert watch.connector.next_try_at is None
    assert knock(watch, woken) == 2


def test_a_dead_source_holds_up_no_other(watch: Watch, woken: list[dict[str, str]]) -> None:
    other = Connector.objects.create(
        workspace=watch.workspace, name="dead", kind="prometheus", url=NOBODY
    )
    watch.detector("dead metric", "payments", connector=other)
    watch.detector("errors", "payments")
    for _ in range(5):
        knock(watch, woken)
        watch.wait(30)
    alive = Detector.objects.get(name="errors")
    assert alive.last_error == ""
    assert alive.last_run_at == clock.now() - timedelta(seconds=30)


def test_a_wrong_query_is_no_dead_source(watch: Watch) -> None:
    watch.detector("errors", "payments")
    wrong = watch.detector("latency(", "payments")
    watch.fake.metrics.series.pop("latency(")
    look(wrong)
    assert "parse error" in wrong.last_error
    watch.connector.refresh_from_db()
    assert watch.connector.failing_since is None


def test_silence_of_the_source_is_reported_and_is_no_recovery(
    watch: Watch, woken: list[dict[str, str]]
) -> None:
    watch.detector("errors", "payments")
    watch.shift("errors", "payments", 0.6)
    watch.wait(30)
    knock(watch, woken)
    trouble = Incident.objects.get()
    kill(watch)
    for _ in range(6):
        watch.wait(120)
        knock(watch, woken)
    assert Anomaly.objects.get().ended_at is None
    report = Incident.objects.exclude(pk=trouble.pk).get()
    assert "prometheus" in report.title
    revive(watch)
    watch.wait(301)
    knock(watch, woken)
    report.refresh_from_db()
    assert report.resolved_at is not None
