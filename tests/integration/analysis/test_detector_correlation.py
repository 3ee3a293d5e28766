"""From anomalies to incidents: one trouble, one incident, whoever finds it first."""

import pytest

from airra.lib import clock
from analysis.commands import correlation
from analysis.commands import watch as watching
from analysis.models import Anomaly, Detector
from incidents.commands import incident as incidents
from incidents.lifecycle import Severity
from incidents.models import Incident, TimelineEvent
from tests.factories import incidents as make
from tests.integration.analysis.conftest import NOON, Watch, later, look
from tests.rivals import at_once, needs_rivals

pytestmark = pytest.mark.django_db


def run(*these: Detector) -> None:
    """Each as its own job, with the claims of a scan before it where there are any."""
    look(*these)


def notes(incident: Incident) -> list[str]:
    found = incident.events.filter(kind=TimelineEvent.Kind.ANOMALY)
    return list(found.values_list("text", flat=True))


@pytest.fixture
def errors(watch: Watch) -> Detector:
    return watch.detector("errors", "gateway", "checkout", "payments", "bank", "island")


@pytest.fixture
def memory(watch: Watch) -> Detector:
    return watch.detector("memory", "gateway", "checkout", "payments", signal="memory")


def test_an_anomaly_opens_an_incident_that_says_why(watch: Watch, errors: Detector) -> None:
    watch.shift("errors", "payments", 0.6)
    watch.wait(30)
    run(errors)
    incident = watch.incident()
    assert incident.service is not None
    assert incident.service.name == "payments"
    assert incident.title == "payments: errors"
    assert incident.severity == Severity.CRITICAL
    assert incident.started_at == later(0)
    assert "payments" in incident.grouping_reason
    assert incident.metrics_snapshot["errors of payments"]["value"] == 0.6
    assert notes(incident) == [
        "saw errors of payments at 60 %, expected 1.0 % (same service, 0 s apart)"
    ]
    assert watch.open_anomalies()[0].incident == incident


def test_one_trouble_seen_by_several_detectors_is_one_incident(
    watch: Watch, errors: Detector, memory: Detector
) -> None:
    watch.shift("memory", "payments", 9.0)
    watch.wait(10)
    for service in ("gateway", "checkout"):
        watch.shift("errors", service, 0.3)
    watch.wait(30)
    watching.scan()
    run(errors)
    assert not Incident.objects.exists(), "memory of the same round is still to come"
    run(memory)
    incident = watch.incident()
    assert incident.anomalies.count() == 3
    assert incident.service is not None
    assert incident.service.name == "payments"
    assert incident.severity == Severity.HIGH


def test_a_lost_run_does_not_hold_the_others_up_for_ever(
    watch: Watch, errors: Detector, memory: Detector
) -> None:
    watch.shift("errors", "payments", 0.6)
    watch.wait(30)
    watching.scan()
    run(errors)
    assert not Incident.objects.exists()
    watch.wait(61)
    watching.sweep()
    assert Incident.objects.count() == 1


def test_what_comes_later_joins_and_may_move_and_worsen_it(
    watch: Watch, errors: Detector, memory: Detector
) -> None:
    watch.shift("errors", "checkout", 0.3)
    watch.wait(30)
    run(errors)
    assert watch.incident().severity == Severity.MEDIUM
    watch.shift("memory", "payments", 9.0)
    watch.shift("errors", "gateway", 0.3)
    watch.wait(30)
    run(errors)
    run(memory)
    incident = watch.incident()
    assert incident.anomalies.count() == 3
    assert incident.severity == Severity.HIGH
    assert incident.service is not None
    assert incident.service.name == "payments"
    kinds = set(incident.events.values_list("kind", flat=True))
    assert {TimelineEvent.Kind.ATTRIBUTED, TimelineEvent.Kind.SEVERITY} <= kinds
    assert any("1 hop and" in note and "payments" in note for note in notes(incident))


def test_far_on_the_graph_is_another_incident(watch: Watch, errors: Detector) -> None:
    make.service("island").calls.create(callee=make.service("lagoon"))
    watch.shift("errors", "payments", 0.6)
    watch.shift("errors", "island", 0.6)
    watch.wait(30)
    run(errors)
    assert Incident.objects.count() == 2


def test_a_series_that_flaps_is_told_once(watch: Watch, errors: Detector) -> None:
    for level in (0.6, 0.01, 0.6, 0.01, 0.6):
        watch.shift("errors", "payments", level)
        watch.wait(30)
        run(errors)
    incident = watch.incident()
    assert incident.anomalies.count() == 3
    assert len(notes(incident)) == 1


def test_what_began_before_the_end_of_an_incident_opens_no_other(
    watch: Watch, errors: Detector, memory: Detector
) -> None:
    watch.shift("errors", "payments", 0.6)
    watch.wait(30)
    run(errors)
    incident = watch.incident()
    watch.shift("memory", "checkout", 9.0)
    watch.wait(10)
    incidents.resolve(incident=incident, resolution="rolled back, verified")
    watch.wait(20)
    run(errors, memory)
    run(errors, memory)
    assert Incident.objects.count() == 1
    assert Anomaly.objects.filter(incident=incident).count() == 2


def test_what_begins_after_it_does(watch: Watch, errors: Detector) -> None:
    watch.shift("errors", "payments", 0.6)
    watch.wait(30)
    run(errors)
    watch.shift("errors", "payments", 0.01)
    watch.wait(30)
    run(errors)
    incidents.resolve(incident=watch.incident(), resolution="fixed")
    watch.wait(10)
    watch.shift("errors", "payments", 0.6)
    watch.wait(30)
    run(errors)
    assert Incident.objects.count() == 2


def test_evidence_only_and_muted_detectors_open_nothing(
    watch: Watch, errors: Detector, memory: Detector
) -> None:
    Detector.objects.filter(pk=errors.pk).update(opens_incident=False)
    Detector.objects.filter(pk=memory.pk).update(muted_until=later(600))
    watch.shift("errors", "payments", 0.6)
    watch.shift("memory", "payments", 9.0)
    watch.wait(30)
    run(errors, memory)
    assert len(watch.open_anomalies()) == 2
    assert not Incident.objects.exists()
    Detector.objects.filter(pk=memory.pk).update(muted_until=None)
    run(memory)
    assert watch.incident().anomalies.count() == 2


def test_an_incident_from_outside_is_joined_too(watch: Watch, errors: Detector) -> None:
    opened, _ = incidents.open_or_join(
        workspace=watch.workspace,
        title="HighErrorRate",
        severity=Severity.LOW,
        source=Incident.Source.ALERT,
        grouping_key="alert:1",
        service=make.service("checkout"),
        started_at=NOON,
    )
    watch.shift("errors", "payments", 0.6)
    watch.wait(30)
    run(errors)
    incident = watch.incident()
    assert incident == opened
    assert incident.anomalies.count() == 1
    assert incident.severity == Severity.CRITICAL
    assert incident.service == make.service("checkout"), "its sender said where it belongs"


@needs_rivals
@pytest.mark.django_db(transaction=True)
def test_workers_that_correlate_at_once_open_one_incident(watch: Watch, errors: Detector) -> None:
    watch.shift("errors", "payments", 0.6)
    watch.wait(30)
    Detector.objects.update(lease_until=later(3600))
    run_without_correlation(errors)
    Detector.objects.update(lease_until=None)
    at_once(8, lambda: correlation.correlate_open(workspace=watch.workspace))
    assert Incident.objects.count() == 1


def run_without_correlation(detector: Detector) -> None:
    """Another detector of the same scan makes the run leave correlation to others."""
    other = Detector.objects.create(
        workspace=detector.workspace,
        connector=detector.connector,
        name="still running",
        query="x",
        claimed_at=clock.now(),
        lease_until=later(3600),
    )
    run(detector)
    other.delete()
    assert not Incident.objects.exists()
