"""A workspace that watches a metric source over real HTTP, with a clock that tests move."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pytest_httpserver import HTTPServer

from airra.lib import clock
from airra.lib.clock import Hands
from analysis.commands import memory
from analysis.commands import watch as watching
from analysis.models import Anomaly, Connector, Detector
from incidents.models import Incident, Workspace
from tests.contract.connectors.fakes import FakeBackends
from tests.factories import incidents as make

NOON = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
EDGES = (("gateway", "checkout"), ("checkout", "payments"), ("payments", "bank"))


@dataclass
class Watch:
    """`levels` says from when which (metric, service) reads what; before, it reads 0.01."""

    fake: FakeBackends
    hands: Hands
    connector: Connector
    workspace: Workspace
    levels: dict[tuple[str, str], list[tuple[float, float]]] = field(default_factory=dict)

    def read(self, metric: str, service: str) -> Callable[[float], float]:
        def value(at: float) -> float:
            steps = self.levels.get((metric, service), [])
            return next((level for since, level in reversed(steps) if at >= since), 0.01)

        return value

    def detector(self, metric: str, *services: str, **fields: Any) -> Detector:
        """A detector over a metric that each of `services` has."""
        for service in services:
            self.fake.metrics.put(metric, self.read(metric, service), service=service)
        values = {
            "connector": self.connector,
            "signal": "errors",
            "unit": "ratio",
            "floor": 0.05,
            "history_s": 900,
            **fields,
        }
        return Detector.objects.create(
            workspace=self.workspace,
            name=fields.pop("name", metric),
            query=metric,
            **{k: v for k, v in values.items() if k != "name"},
        )

    def shift(self, metric: str, service: str, to: float) -> None:
        """From this moment on the metric of the service reads `to`."""
        now = clock.now().timestamp()
        self.levels.setdefault((metric, service), []).append((now, to))

    def wait(self, seconds: float) -> None:
        self.hands.advance(seconds=seconds)

    def open_anomalies(self) -> list[Anomaly]:
        return list(Anomaly.objects.filter(ended_at__isnull=True).order_by("started_at"))

    def incident(self) -> Incident:
        return Incident.objects.select_related("service").get()


@pytest.fixture
def watch(db: None, httpserver: HTTPServer) -> Iterator[Watch]:
    fake = FakeBackends(httpserver)
    workspace = make.workspace()
    for caller, callee in EDGES:
        make.service(caller).calls.create(callee=make.service(callee))
    connector = Connector.objects.create(
        workspace=workspace, name="prometheus", kind="prometheus", url=fake.url
    )
    memory.forget_all()
    with clock.frozen(NOON) as hands:
        yield Watch(fake, hands, connector, workspace)


def later(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def look(*detectors: Detector) -> None:
    """Look through these now, each as a worker does that a scan has woken for it."""
    for detector in detectors:
        now = clock.now()
        Detector.objects.filter(pk=detector.pk).update(
            claimed_at=now, lease_until=now + watching.LEASE
        )
        watching.run(detector_ids=[str(detector.pk)], claimed_at=now)
        detector.refresh_from_db()
