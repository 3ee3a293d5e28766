"""The real Alertmanager by every way in that it has: its webhook, and as a PagerDuty sender."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx2
import pytest

from airra.lib import clock
from airra.lib.ids import uuid7
from tests.live.receiving import Airra, Receiver
from tools.stack import Stack, answers, free_port, wait_for

pytestmark = pytest.mark.live


class Alertmanager:
    """One that tells a single receiver what it is told, at once and again every second."""

    def __init__(self, stack: Stack, receiver: str, *, repeat: str = "1h") -> None:
        self.url = f"http://127.0.0.1:{free_port()}"
        name = f"alertmanager-{uuid7()}"
        config = stack.var / f"{name}.yml"
        config.write_text(
            f"""
route: {{receiver: airra, group_by: [alertname], group_wait: 1s, group_interval: 1s,
        repeat_interval: {repeat}}}
receivers:
  - name: airra
{receiver}
""",
            encoding="utf-8",
        )
        stack.start(
            name,
            "prometheus-alertmanager",
            f"--config.file={config}",
            f"--storage.path={stack.var / name}",
            f"--web.listen-address={self.url.removeprefix('http://')}",
            "--cluster.listen-address=",
        )
        self.end = partial(stack.kill, name)
        self.began = clock.now()
        wait_for("Alertmanager", lambda: answers(f"{self.url}/-/ready"), within_s=30)

    def tell(self, *alerts: dict[str, str], over: bool = False) -> None:
        """As Prometheus would: these labels fire, or have ended."""
        now = datetime.now(tz=UTC)
        ends = now if over else now + timedelta(minutes=5)
        told = [
            {
                "labels": labels,
                "annotations": {"summary": f"{labels['alertname']} of {labels['instance']}"},
                "startsAt": self.began.isoformat(),
                "endsAt": ends.isoformat(),
                "generatorURL": "http://prometheus.example/graph",
            }
            for labels in alerts
        ]
        httpx2.post(f"{self.url}/api/v2/alerts", json=told, trust_env=False).raise_for_status()


Start = Callable[..., Alertmanager]


@pytest.fixture
def start(airra: Airra) -> Iterator[Start]:
    started: list[Alertmanager] = []

    def starting(receiver: str, **how: str) -> Alertmanager:
        started.append(Alertmanager(airra.stack, receiver, **how))
        return started[-1]

    yield starting
    for one in started:
        one.end()


@pytest.fixture
def hook(airra: Airra) -> Receiver:
    return airra.of("alertmanager")


def webhook(hook: Receiver, tmp_path: Path, more: str = "") -> str:
    """With the token in a file, as our guide says."""
    (tmp_path / "token").write_text(f"{hook.secret}\n", encoding="utf-8")
    return f"""
    webhook_configs:
      - url: {hook.url}
        send_resolved: true
        http_config: {{authorization: {{credentials_file: {tmp_path / "token"}}}}}
{more}
"""


def labels(name: str, instance: str) -> dict[str, str]:
    return {"alertname": name, "instance": instance, "service": "checkout", "severity": "critical"}


def of_group(hook: Receiver, name: str) -> list[dict[str, Any]]:
    """The deliveries that are about this alert."""
    return [row for row in hook.deliveries() if name.encode() in bytes(row["body"])]


def test_one_of_a_group_ends_while_the_other_goes_on(
    start: Start, hook: Receiver, tmp_path: Path
) -> None:
    name = f"HighLatency-{uuid7()}"
    alertmanager = start(webhook(hook, tmp_path))
    one, other = labels(name, "a"), labels(name, "b")
    alertmanager.tell(one, other)
    first = hook.wait_for_alert(f"{name}: {name} of a", status="firing")
    assert (first["service"], first["severity"]) == ("checkout", "critical")
    hook.wait_for_alert(f"{name}: {name} of b", status="firing")
    alertmanager.tell(one, over=True)
    hook.wait_for_alert(f"{name}: {name} of a", status="resolved")
    mixed = json.loads(bytes(of_group(hook, name)[-1]["body"]))
    assert mixed["status"] == "firing"
    assert {alert["status"] for alert in mixed["alerts"]} == {"firing", "resolved"}
    assert hook.wait_for_alert(f"{name}: {name} of b")["status"] == "firing"
    alertmanager.tell(other, over=True)
    hook.wait_for_alert(f"{name}: {name} of b", status="resolved")


def test_what_is_told_each_repeat_interval_is_one_delivery(
    start: Start, hook: Receiver, tmp_path: Path
) -> None:
    name = f"StaysHigh-{uuid7()}"
    start(webhook(hook, tmp_path), repeat="1s").tell(labels(name, "a"))
    hook.wait_for_alert(name, status="firing")

    def told_again() -> bool:
        return any(row["repeats"] >= 2 for row in of_group(hook, name))

    wait_for("two repeats", told_again, within_s=30)
    assert len(of_group(hook, name)) == 1


def test_alerts_that_a_limit_cuts_off_are_told_as_left_out(
    airra: Airra, start: Start, hook: Receiver, tmp_path: Path
) -> None:
    name = f"Storm-{uuid7()}"
    alertmanager = start(webhook(hook, tmp_path, more="        max_alerts: 2"))
    alertmanager.tell(*(labels(name, f"node-{n}") for n in range(5)))
    alert = hook.wait_for_alert(name, status="firing")
    delivery = of_group(hook, name)[0]
    assert (delivery["state"], delivery["alerts_read"]) == ("processed", 2)
    with airra.stack.api("responder") as api:
        shown = api.get("/incidents", params={"limit": 200}).json()["items"]
        keys = {UUID(incident["id"]): incident["key"] for incident in shown}
        timeline = api.get(f"/incidents/{keys[UUID(str(alert['incident_id']))]}/timeline").text
    assert "left 3 more alerts out" in timeline


def test_the_token_may_be_the_password_of_basic(start: Start, hook: Receiver) -> None:
    name = f"Basic-{uuid7()}"
    basic = f"""
    webhook_configs:
      - url: {hook.url.rstrip("/")}
        http_config: {{basic_auth: {{username: airra, password: "{hook.secret}"}}}}
"""
    start(basic).tell(labels(name, "a"))
    hook.wait_for_alert(name, status="firing")


def test_a_wrong_token_raises_nothing_and_is_listed(start: Start, hook: Receiver) -> None:
    name = f"Forged-{uuid7()}"
    wrong = f"""
    webhook_configs:
      - url: {hook.url}
        http_config: {{authorization: {{credentials: a-guess}}}}
"""
    start(wrong).tell(labels(name, "a"))
    kept = wait_for("the forgery", lambda: of_group(hook, name), within_s=30)
    assert kept[0]["state"] == "untrusted"
    assert not [row for row in hook.alerts() if row["title"].startswith(name)]


def test_a_pagerduty_receiver_only_changes_its_address(airra: Airra, start: Start) -> None:
    name, events = f"PoolExhausted-{uuid7()}", airra.of("pagerduty_events")
    paging = f"""
    pagerduty_configs:
      - url: {airra.stack.url}/v2/enqueue
        routing_key: "{events.secret}"
        send_resolved: true
        severity: '{{{{ .CommonLabels.severity }}}}'
        component: '{{{{ .CommonLabels.service }}}}'
        links: [{{href: "https://wiki.example/pool", text: what to do}}]
"""
    alertmanager = start(paging)
    alertmanager.tell(labels(name, "a"))
    alert = events.wait_for_alert(f"[FIRING:1] {name}", status="firing")
    assert (alert["service"], alert["severity"]) == ("checkout", "critical")
    assert alert["url"] == "https://wiki.example/pool"
    alertmanager.tell(labels(name, "b"))
    wait_for("a second time", lambda: named(events, name)["times_seen"] > 1, within_s=30)
    alertmanager.tell(labels(name, "a"), labels(name, "b"), over=True)
    wait_for("the end", lambda: named(events, name)["status"] == "resolved", within_s=30)
    assert named(events, name)["id"] == alert["id"]
    for delivery in of_group(events, name):
        assert events.secret.encode() not in bytes(delivery["body"])


def named(events: Receiver, name: str) -> dict[str, Any]:
    """The one alert of this name."""
    (found,) = [row for row in events.alerts() if name in row["title"]]
    return found
