"""Deliveries that are taken together: as if one by one, with few statements, and all or none."""

import json
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from airra.lib import clock
from incidents.commands import delivery as commands
from incidents.commands import incident as incidents
from incidents.commands import regroup, silence
from incidents.commands.proving import PROVEN
from incidents.ingest.matching import Matcher, Op
from incidents.models import (
    Alert,
    AuditEvent,
    Delivery,
    GroupingDecision,
    GroupingRule,
    Incident,
    Integration,
    Service,
    ServiceDependency,
    TimelineEvent,
    Workspace,
)
from incidents.signals import incident_opened
from lab.storm import Message, storm
from tests.factories import incidents as make
from tests.integration.incidents.conftest import batch, fired
from tests.rivals import at_once, needs_rivals

pytestmark = pytest.mark.django_db
State = Delivery.State


class TakenBackError(Exception):
    """Nothing of it is to stay."""


class Killed(BaseException):
    """The process dies: nothing after this line runs."""


@pytest.fixture
def sender(workspace: Workspace, hands: clock.Hands) -> Integration:
    return Integration.objects.create(workspace=workspace, name="prom", kind="alertmanager")


def deliver(sender: Integration, *bodies: object) -> list[Delivery]:
    """Stored, in this order, and nobody woken."""
    stored = sender.deliveries.count()
    return [
        Delivery.objects.create(
            integration=sender,
            identity=f"{number}",
            body=json.dumps(body).encode(),
            headers={PROVEN: "in this test"},
            received_at=clock.now() + timedelta(microseconds=number),
        )
        for number, body in enumerate(bodies, start=stored)
    ]


def drain(sender: Integration) -> None:
    commands.drain(workspace_id=str(sender.workspace_id))


def one_by_one(sender: Integration) -> None:
    waiting = sender.deliveries.filter(state=State.STORED).order_by("received_at")
    for delivery in waiting:
        commands.process(delivery_id=str(delivery.pk))


def everything() -> dict[str, list[Any]]:
    """What the record holds, without the keys of rows, which are drawn by lot."""
    of_alert = ("alert__dedup_key", "alert__starts_at", "incident__number", "rule__name")
    found = {
        "incidents": Incident.objects.order_by("number").values_list(
            "number", "title", "state", "severity", "grouping_key", "grouping_reason", "started_at",
            "opened_at", "resolution", "service__name",
        ),
        "alerts": Alert.objects.order_by("dedup_key", "starts_at").values_list(
            "dedup_key", "starts_at", "status", "incident__number", "times_seen", "is_flapping",
            "severity", "severity_reason", "ends_at", "service__name", "silenced_by__reason",
        ),
        "decisions": GroupingDecision.objects.order_by(*of_alert[:2], "id").values_list(
            *of_alert, "means", "reason", "score", "threshold", "facts__way", "facts__considered"
        ),
        "story": TimelineEvent.objects.order_by("incident__number", "id").values_list(
            "incident__number", "kind", "text", "actor", "at"
        ),
        "audit": AuditEvent.objects.order_by("id").values_list("kind", "target"),
        "deliveries": Delivery.objects.order_by("received_at").values_list("state", "alerts_read"),
    }  # fmt: skip
    return {name: list(rows) for name, rows in found.items()}


def estate(sender: Integration, edges: tuple[tuple[str, str], ...], by: User) -> None:
    """A rule that holds back, a silence, a critical service, and a word of a person."""
    ends = {name: make.service(name) for edge in edges for name in edge}
    for caller, callee in edges:
        ServiceDependency.objects.create(caller=ends[caller], callee=ends[callee])
    here = Service.objects.filter(workspace=sender.workspace)
    here.filter(name__in=["payments", "orders-db"]).update(tier=Service.Tier.CRITICAL)
    GroupingRule.objects.create(
        id=UUID(int=5), workspace=sender.workspace, name="disks", window_min=10, threshold=3,
        matchers=[{"label": "alertname", "op": "=~", "value": "Disk.*|Queue.*|PodR.*"}],
        group_by=["cluster"], is_active=True,
    )  # fmt: skip
    quiet = silence.Wanted(
        reason="clocks are looked at", starts_at=clock.now(),
        ends_at=clock.now() + timedelta(hours=1), matchers=[Matcher("alertname", Op.FITS, "C.*")],
    )  # fmt: skip
    silence.begin(workspace=sender.workspace, wanted=quiet, by=by)
    slow, failing = (
        fired(name, labels={"service": service}, startsAt=f"{clock.now():%FT%T}Z")
        for name, service in (("HighLatency", "search"), ("HighErrorRate", "tax"))
    )
    deliver(sender, batch(slow), batch(failing))
    one_by_one(sender)
    home = Alert.objects.get(dedup_key="HighLatency").incident
    assert home is not None
    regroup.move(alert=Alert.objects.get(dedup_key="HighErrorRate"), to=home, by=by)


def told(
    sender: Integration, seed: int, by: User, take: Callable[[Integration], None]
) -> dict[str, list[Any]]:
    """The record after a storm that comes in bursts; then all of it is taken back."""
    made, chance = storm(seed, size=60), random.Random(seed)
    messages, found = list(made.messages), {}
    with suppress(TakenBackError), transaction.atomic():
        with clock.frozen(messages[0].at):
            estate(sender, made.edges, by)
        while messages:
            burst = [
                messages.pop(0) for _ in range(min(chance.choice((1, 3, 12, 40)), len(messages)))
            ]
            with clock.frozen(burst[-1].at):
                deliver(sender, *_bodies(burst, chance))
                take(sender)
        found = everything()
        raise TakenBackError
    return found


def _bodies(burst: list[Message], chance: random.Random) -> Iterator[object]:
    """Most hold one alert, some hold four."""
    while burst:
        held = chance.choice((1, 1, 4))
        yield batch(*(dict(message.alert) for message in burst[:held]))
        del burst[:held]


@pytest.mark.parametrize("seed", [11, 12])
def test_a_storm_that_is_drained_in_batches_is_told_as_one_by_one(
    sender: Integration, seed: int, responder: User
) -> None:
    single = told(sender, seed, responder, one_by_one)
    batched = told(sender, seed, responder, drain)
    for name, rows in single.items():
        assert batched[name] == rows, name
    means = {row[4] for row in single["decisions"]}
    assert means >= {"similarity", "alone", "held", "silenced", "rule"}, means


def new_ones(count: int, *, since: int = 0) -> list[dict[str, Any]]:
    """Alerts that nobody has heard of, about few services, one a delivery."""
    services = ("payments", "checkout", "search", "fax")
    return [
        batch(fired(f"N{number}", labels={"service": services[number % 4]}))
        for number in range(since, since + count)
    ]


def test_an_alert_of_a_batch_takes_hardly_a_statement(sender: Integration) -> None:
    make.shop()
    deliver(sender, *new_ones(4))
    drain(sender)

    def statements(count: int, since: int) -> int:
        deliver(sender, *new_ones(count, since=since))
        with CaptureQueriesContext(connection) as seen:
            drain(sender)
        return len(seen.captured_queries)

    few, many = statements(10, since=10), statements(50, since=100)
    assert (many - few) / 40 <= 0.2
    assert few <= 45
    assert Alert.objects.filter(incident__isnull=False).count() == 64


def test_the_alerts_of_one_delivery_take_hardly_a_statement_each(sender: Integration) -> None:
    make.shop()
    deliver(sender, batch(*(one["alerts"][0] for one in new_ones(100))))
    with CaptureQueriesContext(connection) as seen:
        one_by_one(sender)
    assert Alert.objects.count() == 100
    assert len(seen.captured_queries) <= 100


def test_one_that_cannot_be_taken_stops_none_of_its_batch(
    sender: Integration,
) -> None:
    first, bad, last = deliver(sender, *new_ones(3))
    refused = deliver(sender, {"alerts": 7})[0]

    def fail(incident: Incident, **_: object) -> None:
        if incident.title.startswith("N1"):
            msg = "this one alone"
            raise ValueError(msg)

    incident_opened.connect(fail)
    try:
        drain(sender)
    finally:
        incident_opened.disconnect(fail)
    for delivery in (first, bad, last, refused):
        delivery.refresh_from_db()
    assert [first.state, bad.state, last.state] == [State.PROCESSED, State.STORED, State.PROCESSED]
    assert bad.error == "ValueError: this one alone"
    assert refused.state == State.REFUSED
    assert sorted(Alert.objects.values_list("dedup_key", flat=True)) == ["N0", "N2"]
    assert sorted(Incident.objects.values_list("number", flat=True)) == [1, 2]


@contextmanager
def breaking() -> Iterator[None]:
    """Whatever opens an incident about something broken fails."""

    def fail(incident: Incident, **_: object) -> None:
        if incident.title.startswith("Broken"):
            msg = "as it always does"
            raise ValueError(msg)

    incident_opened.connect(fail)
    try:
        yield
    finally:
        incident_opened.disconnect(fail)


def broken(number: int) -> dict[str, Any]:
    return fired(f"Broken{number}", labels={"service": f"broken-{number}"})


def test_what_is_open_is_not_read_anew_for_each_that_fails(sender: Integration) -> None:
    make.shop()
    deliver(sender, *new_ones(4))
    drain(sender)
    deliver(sender, *(batch(broken(number)) for number in range(20)))
    with breaking(), CaptureQueriesContext(connection) as seen:
        drain(sender)
    failed = sender.deliveries.filter(state=State.STORED, error="ValueError: as it always does")
    assert failed.count() == 20
    spans = [one for one in seen.captured_queries if "MIN(" in one["sql"]]
    assert len(spans) == 2, "once together, and once for all that are taken one by one"


def test_what_failed_is_nothing_that_others_are_compared_with(
    sender: Integration, responder: User
) -> None:
    """Half of each delivery that fails was put somewhere before the other half failed."""
    made = storm(11, size=60)
    good = [dict(message.alert) for message in made.messages]

    def after(bodies: list[object], take: Callable[[Integration], None]) -> dict[str, list[Any]]:
        found = {}
        with suppress(TakenBackError), transaction.atomic():
            with clock.frozen(made.messages[0].at):
                estate(sender, made.edges, responder)
            with clock.frozen(made.messages[-1].at), breaking():
                deliver(sender, *bodies)
                take(sender)
            found = everything()
            raise TakenBackError
        return found

    spoilt: list[object] = []
    for number, alert in enumerate(good):
        if number % 3 == 0:
            spoilt.append(batch({**alert, "fingerprint": f"half-{number}"}, broken(number)))
        spoilt.append(batch(alert))
    alone = after([batch(alert) for alert in good], one_by_one)
    among = after(spoilt, drain)
    assert len(among["deliveries"]) > len(alone["deliveries"])
    for name in alone.keys() - {"deliveries"}:
        assert among[name] == alone[name], name
    assert [state for state, _ in among["deliveries"]].count(State.STORED) == (len(good) + 2) // 3


def test_a_worker_that_dies_in_a_batch_leaves_its_deliveries_and_nothing_else(
    sender: Integration,
) -> None:
    deliver(sender, *new_ones(4))

    def die(incident: Incident, **_: object) -> None:
        if incident.number == 3:
            raise Killed

    incident_opened.connect(die)
    try:
        with pytest.raises(Killed):
            drain(sender)
    finally:
        incident_opened.disconnect(die)
    for left in (Incident, Alert, TimelineEvent, GroupingDecision):
        assert not left._default_manager.exists()
    assert set(Delivery.objects.values_list("state", "attempts")) == {(State.STORED, 1)}
    one_by_one(sender)
    assert Alert.objects.count() == 4
    assert set(Delivery.objects.values_list("state", flat=True)) == {State.PROCESSED}


def test_the_same_alert_twice_in_a_batch_is_one_episode(sender: Integration) -> None:
    again = fired("A")
    deliver(sender, batch(again), batch(again), batch(fired("B")), batch(again))
    drain(sender)
    assert Alert.objects.get(dedup_key="A").times_seen == 3
    assert Alert.objects.count() == 2


@contextmanager
def meanwhile(do: Callable[[], None]) -> Iterator[None]:
    """Somebody else does this, on a connection of their own, as the next incident is opened."""
    done: list[bool] = []

    def act(**_: object) -> None:
        if not done:
            done.append(True)
            at_once(1, do)

    incident_opened.connect(act)
    try:
        yield
    finally:
        incident_opened.disconnect(act)


@pytest.fixture
def committed() -> Integration:
    place, _ = Workspace.objects.get_or_create(slug="default", defaults={"name": "Default"})
    return Integration.objects.create(workspace=place, name="prom", kind="alertmanager")


@needs_rivals
@pytest.mark.django_db(transaction=True)
def test_no_alert_is_put_into_an_incident_that_ended_meanwhile(committed: Integration) -> None:
    deliver(committed, batch(fired("A")))
    drain(committed)
    old = Incident.objects.get()
    deliver(committed, batch(fired("B")), batch(fired("C", labels={"service": "fax"})))
    with meanwhile(lambda: void(incidents.resolve(incident=old, resolution="by hand"))):
        drain(committed)
    assert Alert.objects.get(dedup_key="A").incident == old
    for key in "BC":
        home = Alert.objects.get(dedup_key=key).incident
        assert home is not None
        assert home.is_live
    assert Alert.objects.count() == 3


def void(_: object) -> None:
    """For a lambda that must give nothing."""


@needs_rivals
@pytest.mark.django_db(transaction=True)
def test_two_workers_that_drain_at_once_tell_each_delivery_once(committed: Integration) -> None:
    deliver(committed, *new_ones(60))
    at_once(3, lambda: drain(committed))
    assert Alert.objects.count() == 60
    assert GroupingDecision.objects.count() == 60
    assert TimelineEvent.objects.filter(kind=TimelineEvent.Kind.ALERT).count() == 60
    assert set(Delivery.objects.values_list("state", flat=True)) == {State.PROCESSED}
