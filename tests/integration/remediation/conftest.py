"""A small world: one incident with a settled cause, a real endpoint, and a metric that answers."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

import pytest
from django.contrib.auth.models import Group, User
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

import remediation.tasks  # noqa: F401 - registers the jobs that commands enqueue
from airra.lib import clock
from analysis.models import Anomaly, Connector, Detector, Hypothesis, Investigation
from incidents.lifecycle import State
from incidents.models import Incident, Membership, Service, TimelineEvent, Workspace
from incidents.permissions import Role
from remediation.commands import approval as approvals
from remediation.commands import stops, verification
from remediation.commands.acting import execution as executions
from remediation.commands.acting import plan as plans
from remediation.commands.acting import request as requests
from remediation.commands.refusal import Refused
from remediation.models import (
    ActionEndpoint,
    Approval,
    Execution,
    FreezeWindow,
    KillSwitch,
    Plan,
    PlanRequest,
    Policy,
)
from tests.fakes.executor import SECRET, ActionEndpointServer, Thing

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
METRIC = "error_ratio"


class Metric:
    """What Prometheus says, by query and service, as a step function of time; None is no data.

    `value` is that of the alerting metric.
    """

    def __init__(self) -> None:
        self.told: dict[tuple[str, str], list[tuple[float, float | None]]] = {}
        self.asked: list[str] = []
        self.say(0.4)

    @property
    def value(self) -> float | None:
        return self.told[METRIC, "payments"][-1][1]

    @value.setter
    def value(self, value: float | None) -> None:
        self.say(value)

    def say(self, value: float | None, service: str = "payments", query: str = METRIC) -> None:
        """From now on the metric has this value."""
        steps = self.told.setdefault((query, service), [])
        steps.append((clock.now().timestamp() if steps else 0.0, value))

    def answer(self, request: Request) -> Response:
        form = parse_qs(request.get_data().decode())
        self.asked.append(form["query"][0])
        start, end, step = (float(form[name][0]) for name in ("start", "end", "step"))
        times = [start + step * i for i in range(int((end - start) / step) + 1)]
        result = []
        for (query, service), steps in list(self.told.items()):
            known = [(at, _at(steps, at)) for at in times] if query == form["query"][0] else []
            values = [[at, str(value)] for at, value in known if value is not None]
            if values:
                result.append({"metric": {"service": service}, "values": values})
        body = {"status": "success", "data": {"resultType": "matrix", "result": result}}
        return Response(json.dumps(body), content_type="application/json")


def _at(steps: list[tuple[float, float | None]], at: float) -> float | None:
    return [value for since, value in steps if since <= at][-1]


@dataclass
class World:
    workspace: Workspace
    incident: Incident
    service: Service
    detector: Detector
    endpoint: ActionEndpoint
    server: ActionEndpointServer
    metric: Metric
    hands: clock.Hands
    requester: User
    ana: User
    ben: User

    def investigated(self, **said: Any) -> Investigation:
        """A settled investigation with one supported hypothesis."""
        investigation = Investigation.objects.create(
            incident=self.incident,
            state=Investigation.State.SETTLED,
            outcome="root_cause_identified",
            finished_at=clock.now(),
        )
        fields: dict[str, Any] = {
            "rank": 1,
            "entity": "payments",
            "service": self.service,
            "mechanism": "leak",
            "signal": "memory",
            "statement": "payments leaks memory",
            "origin": "offline",
            "state": "supported",
            "confidence": 0.6,
            "path": ["payments"],
        }
        Hypothesis.objects.create(investigation=investigation, **{**fields, **said})
        return investigation

    def planned(self, **said: Any) -> Plan:
        plan = plans.create_for(investigation_id=str(self.investigated(**said).pk))
        self.incident.refresh_from_db()
        assert plan is not None, self.reasons()
        return plan

    def scaled(self) -> Plan:
        """A plan that can be undone exactly."""
        return self.planned(mechanism="traffic", signal="traffic", statement="too much traffic")

    def approved(self, plan: Plan | None = None) -> Execution:
        plan = plan or self.planned()
        execution = approvals.approve(approval=self.pending(plan), by=self.ana, reason="go")
        assert execution is not None
        return execution

    def run(self, execution: Execution) -> Execution:
        executions.run(execution_id=str(execution.pk))
        self.answer()
        return self.fresh(execution)

    def answer(self) -> None:
        """What the executor process makes of the wishes that wait, as its jobs would."""
        waiting = PlanRequest.objects.filter(state=PlanRequest.State.WAITING)
        for pk in waiting.values_list("pk", flat=True):
            requests.carry_out(request_id=str(pk))
        self.incident.refresh_from_db()

    def answered(self, request: PlanRequest) -> Plan:
        """The plan a wish led to. Raises `Refused` with the rule that said no to it."""
        self.answer()
        request.refresh_from_db()
        if request.result is None:
            raise Refused(request.rule, request.refusal)
        return request.result

    def tried(self, plan: Plan, *, by: User | None = None) -> Execution:
        """A second dry run of what waits for approval, answered."""
        wish = approvals.try_out(approval=self.pending(plan), by=by or self.ana, reason="look")
        self.answered(wish)
        wish.refresh_from_db()
        assert wish.execution is not None
        return wish.execution

    def probe(self, execution: Execution) -> Execution:
        executions.probe(execution_id=str(execution.pk))
        return self.fresh(execution)

    def watch(self, execution: Execution, *, times: int = 1, every_s: float = 10) -> Execution:
        for _ in range(times):
            self.hands.advance(seconds=every_s)
            verification.verify(execution_id=str(execution.pk))
        return self.fresh(execution)

    def fresh(self, execution: Execution) -> Execution:
        self.incident.refresh_from_db()
        return Execution.objects.select_related("plan", "approval").get(pk=execution.pk)

    def pending(self, plan: Plan) -> Approval:
        return Approval.objects.select_related("plan__incident__workspace").get(
            plan=plan, state=Approval.State.PENDING
        )

    def policy(self, **fields: Any) -> Policy:
        policy, _ = Policy.objects.get_or_create(workspace=self.workspace)
        Policy.objects.filter(pk=policy.pk).update(**fields)
        policy.refresh_from_db()
        return policy

    def kill(self, scope: str = "all", value: str = "") -> KillSwitch:
        return stops.stop(
            workspace=self.workspace, scope=scope, value=value, reason="looks wrong", by=self.ana
        )

    def freeze(self, **fields: Any) -> FreezeWindow:
        return FreezeWindow.objects.create(
            workspace=self.workspace,
            **{
                "reason": "release day",
                "starts_at": clock.now(),
                "ends_at": clock.now() + timedelta(hours=1),
                **fields,
            },
        )

    def reasons(self) -> list[str]:
        return [event.text for event in self.incident.events.all()]

    def last_event(self) -> TimelineEvent:
        return self.incident.events.order_by("-id")[0]


def member(workspace: Workspace, name: str, role: Role) -> User:
    user = User.objects.create_user(name)
    group, _ = Group.objects.get_or_create(name=role)
    Membership.objects.create(workspace=workspace, user=user, role=group)
    return user


@pytest.fixture
def server() -> Iterator[ActionEndpointServer]:
    things = Thing("payments", flags={"payments.fraud_check": True}), Thing("checkout")
    with ActionEndpointServer(*things) as running:
        yield running


@pytest.fixture
def metric(httpserver: HTTPServer) -> Metric:
    told = Metric()
    httpserver.expect_request("/api/v1/query_range").respond_with_handler(told.answer)
    return told


@pytest.fixture
def make_world(
    server: ActionEndpointServer,
    metric: Metric,
    httpserver: HTTPServer,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Callable[[], World]]:
    monkeypatch.setenv("AIRRA_SECRET_SHOP", SECRET)
    with clock.frozen(START) as hands:
        moment = [START.timestamp()]
        server.now = lambda: moment[0]

        class TellingHands(clock.Hands):
            def advance(self, **delta: float) -> datetime:
                at = hands.advance(**delta)
                moment[0] = at.timestamp()
                return at

        def make() -> World:
            return _build(server, metric, httpserver.url_for(""), TellingHands())

        yield make


def _build(
    server: ActionEndpointServer, metric: Metric, metrics_url: str, hands: clock.Hands
) -> World:
    workspace, _ = Workspace.objects.get_or_create(slug="default", defaults={"name": "Default"})
    service = Service.objects.create(workspace=workspace, name="payments", environment="staging")
    incident = Incident.objects.create(
        workspace=workspace,
        number=1,
        title="payments fails",
        severity="high",
        state=State.ANALYSING,
        source="detector",
        service=service,
        grouping_key="payments",
    )
    prometheus = Connector.objects.create(
        workspace=workspace, name="prom", kind="prometheus", url=metrics_url.rstrip("/")
    )
    detector = Detector.objects.create(
        workspace=workspace, connector=prometheus, name="errors", query=METRIC, signal="errors",
        unit="ratio",
    )  # fmt: skip
    Anomaly.objects.create(
        detector=detector, service=service, series_key="service=payments", direction="up",
        started_at=START - timedelta(minutes=3), last_at=START, value=0.4, expected=0.01, low=0.0,
        high=0.05, score=20.0, incident=incident,
    )  # fmt: skip
    endpoint = ActionEndpoint.objects.create(
        workspace=workspace, name="shop", url=server.url, secret_ref="shop", timeout_s=3
    )
    return World(
        workspace=workspace,
        incident=incident,
        service=service,
        detector=detector,
        endpoint=endpoint,
        server=server,
        metric=metric,
        hands=hands,
        requester=member(workspace, "rita", Role.APPROVER),
        ana=member(workspace, "ana", Role.APPROVER),
        ben=member(workspace, "ben", Role.APPROVER),
    )


@pytest.fixture
def world(db: None, make_world: Callable[[], World]) -> World:
    return make_world()
