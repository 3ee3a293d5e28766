"""The vendors' own client libraries as senders, over TLS where they insist on it."""

import json
import os
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest
from cloudevents.core.bindings.http import HTTPMessage, to_binary_event, to_structured_event
from cloudevents.core.v1.event import CloudEvent
from cloudevents.v1.conversion import to_binary, to_structured
from cloudevents.v1.http import CloudEvent as OldCloudEvent
from pagerduty import EventsApiV2Client, HttpError

from airra.lib import clock
from airra.lib.ids import uuid7
from tests.live.receiving import Airra, Receiver

pytestmark = pytest.mark.live


@pytest.fixture
def pager(airra: Airra) -> Iterator[EventsApiV2Client]:
    """PagerDuty's client with nothing changed but its address and its key."""
    trust = ssl.create_default_context(cafile=str(airra.trust))
    key = airra.of("pagerduty_events").secret
    with EventsApiV2Client(key, base_url=airra.tls_url, verify=trust, trust_env=False) as client:
        yield client


def test_pagerdutys_client_triggers_acknowledges_and_resolves(
    airra: Airra, pager: EventsApiV2Client
) -> None:
    events, title = airra.of("pagerduty_events"), f"disk full {uuid7()}"
    told = pager.trigger(
        title,
        "db-1",
        severity="error",
        payload={"component": "database", "class": "disk"},
        custom_details={"free": 0, "mounts": ["/var"]},
        links=[{"href": "https://wiki.example/disk", "text": "what to do"}],
    )
    alert = events.wait_for_alert(title, status="firing")
    assert (alert["service"], alert["severity"]) == ("database", "high")
    assert (alert["dedup_key"], alert["url"]) == (told, "https://wiki.example/disk")
    assert pager.acknowledge(told) == told
    events.wait_for_alert(title, status="acknowledged")
    assert pager.resolve(told) == told
    assert events.wait_for_alert(title, status="resolved")["id"] == alert["id"]


def test_a_key_of_the_senders_own_is_handed_back(airra: Airra, pager: EventsApiV2Client) -> None:
    key = f"checkout/{uuid7()} über alles"
    assert pager.trigger("slow", "checkout", dedup_key=key) == key
    assert airra.of("pagerduty_events").wait_for_alert("slow", dedup_key=key)["severity"] == (
        "critical"
    )


def test_pagerdutys_client_tells_a_change(airra: Airra, pager: EventsApiV2Client) -> None:
    title, at = f"deployed {uuid7()}", datetime(2026, 3, 1, 12, tzinfo=UTC).isoformat()
    # What the client itself calls now, up to version 7.2, ends so: offset and "Z".
    pager.submit(title, "checkout", custom_details={"revision": "4f2a"}, timestamp=f"{at}Z")
    change = airra.of("pagerduty_events").wait_for_change(title)
    assert change["revision"] == "4f2a"
    assert str(change["at"]).startswith("2026-03-01 12:00:00")


def test_pagerdutys_client_is_told_that_a_key_is_wrong(airra: Airra) -> None:
    trust = ssl.create_default_context(cafile=str(airra.trust))
    with (
        EventsApiV2Client(
            "0" * 32, base_url=airra.tls_url, verify=trust, trust_env=False
        ) as client,
        pytest.raises(HttpError) as caught,
    ):
        client.trigger("slow", "checkout")
    answer = caught.value.response
    assert answer is not None
    assert (answer.status_code, len(answer.json()["errors"])) == (400, 1)


def test_pagerdutys_command_line_triggers(airra: Airra) -> None:
    events, title = airra.of("pagerduty_events"), f"from a script {uuid7()}"
    common = ["-k", events.secret, "--base-url", airra.tls_url, "-i", title]
    for action in (["trigger", "--description", title], ["resolve"]):
        subprocess.run(
            [sys.executable, "-c", "from pagerduty.cli import main; main()", *action, *common],
            env={**os.environ, "SSL_CERT_FILE": str(airra.trust)},  # noqa: TID251 - its own client
            check=True,
            capture_output=True,
        )
    assert events.wait_for_alert(title, status="resolved")["dedup_key"] == title


def event(**data: Any) -> CloudEvent:
    """An event of the SDK, with everything that has to be escaped on its way."""
    told = {
        "id": str(uuid7()),
        "source": '/shops/köln?"50 %"',
        "type": "org.example.pool.exhausted.firing",
        "subject": "checkout ☎ payments",
        "time": clock.now() - timedelta(minutes=1),
        "severitytext": "ERROR",
        "datacontenttype": "application/json",
    }
    return CloudEvent(told, {"dedup_key": str(uuid7()), **data})


def send(receiver: Receiver, message: HTTPMessage) -> httpx2.Response:
    headers = {**receiver.bearer, **message.headers}
    return httpx2.post(receiver.url, headers=headers, content=message.body, trust_env=False)


Way = Callable[[CloudEvent], HTTPMessage]
WAYS: list[Way] = [to_binary_event, to_structured_event]


@pytest.mark.parametrize("way", WAYS)
def test_an_event_of_the_cloudevents_sdk_is_an_alert_and_its_end(airra: Airra, way: Way) -> None:
    receiver, title = airra.of("cloudevents"), f"pool exhausted {uuid7()}"
    begun = event(title=title)
    assert send(receiver, way(begun)).status_code == 202
    alert = receiver.wait_for_alert(title, status="firing")
    assert (alert["service"], alert["severity"]) == ("checkout ☎ payments", "high")
    assert send(receiver, way(begun)).json()["repeat"]
    key = begun.get_data()["dedup_key"]  # type: ignore[index,call-overload]
    assert send(receiver, way(event(title=title, dedup_key=key, state="resolved"))).is_success
    assert receiver.wait_for_alert(title, status="resolved")["id"] == alert["id"]


def test_both_ways_of_one_event_are_one_delivery(airra: Airra) -> None:
    receiver, told = airra.of("cloudevents"), event(title=f"twice {uuid7()}")
    answers = [send(receiver, way(told)) for way in WAYS]
    assert [answer.status_code for answer in answers] == [202, 200]
    assert answers[0].json()["delivery"] == answers[1].json()["delivery"]


def test_events_of_the_sdk_may_come_in_a_batch(airra: Airra) -> None:
    receiver, titles = airra.of("cloudevents"), [f"batched {uuid7()}" for _ in range(3)]
    events = [json.loads(to_structured_event(event(title=title)).body) for title in titles]
    batch = HTTPMessage(
        {"content-type": "application/cloudevents-batch+json; charset=utf-8"},
        json.dumps(events).encode(),
    )
    assert send(receiver, batch).status_code == 202
    for title in titles:
        receiver.wait_for_alert(title, status="firing")


def test_packed_data_of_the_sdk_is_unpacked(airra: Airra) -> None:
    receiver, title = airra.of("cloudevents"), f"packed {uuid7()}"
    attributes = event().get_attributes()
    packed = CloudEvent(attributes, json.dumps({"title": title, "service": "vault"}).encode())
    assert b"data_base64" in to_structured_event(packed).body
    assert send(receiver, to_structured_event(packed)).status_code == 202
    assert receiver.wait_for_alert(title)["service"] == "vault"


@pytest.mark.parametrize("way", [to_binary, to_structured])
def test_the_sdk_before_version_2_is_read_as_well(airra: Airra, way: Callable[..., Any]) -> None:
    receiver, title = airra.of("cloudevents"), f"of old {uuid7()}"
    told = {"source": f"/old/{uuid7()}", "type": "org.example.disk.triggered", "subject": "search"}
    headers, body = way(OldCloudEvent(told, {"title": title, "severity": "warning"}))
    assert send(receiver, HTTPMessage(dict(headers), body)).status_code == 202
    alert = receiver.wait_for_alert(title, status="firing")
    assert (alert["service"], alert["severity"]) == ("search", "medium")


def test_an_event_of_an_older_version_of_the_specification_is_refused(airra: Airra) -> None:
    receiver, told = airra.of("cloudevents"), json.loads(to_structured_event(event()).body)
    body = json.dumps({**told, "specversion": "0.3"}).encode()
    answer = send(receiver, HTTPMessage({"content-type": "application/cloudevents+json"}, body))
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "specversion")
