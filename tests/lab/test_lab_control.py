"""The control API: signed, idempotent, refusing what it must, and exactly once in its effects.

And what else a lab shows that is changed back: each module that has one starts fourteen processes.
"""

import http.client
import json
import os
import signal
import time
import uuid

import pytest

from lab.control.errors import Unauthorised
from lab.control.signature import sign, verify
from tests.lab.lab_harness import RunningLab, poll

pytestmark = pytest.mark.xdist_group("shop")
RESTART = {"action": "restart", "service": "payments", "params": {}}
FLAG_ON = {
    "action": "set_flag",
    "service": "checkout",
    "params": {"flag": "checkout.gift_wrap", "value": True},
}


def test_a_signature_covers_time_and_body() -> None:
    good = sign("s", "1000", b"{}")
    verify("s", timestamp="1000", signature=good, body=b"{}", now=1300)
    for timestamp, signature, body, now in (
        ("1000", good, b"{ }", 1000), ("1001", good, b"{}", 1000), ("1000", good, b"{}", 1301),
        ("", good, b"{}", 1000), ("nan", sign("s", "nan", b"{}"), b"{}", 1000),
        ("1000", sign("t", "1000", b"{}"), b"{}", 1000), ("1000", "ü", b"{}", 1000),
    ):  # fmt: skip
        with pytest.raises(Unauthorised):
            verify("s", timestamp=timestamp, signature=signature, body=body, now=now)


def test_an_unsigned_action_is_refused(shop: RunningLab) -> None:
    answer = shop.act(RESTART, **{"X-AIRRA-Signature": "sha256=00"})
    assert answer.status == 401
    assert answer.json["error"]["code"] == "unauthorised"


def test_a_dry_run_tells_the_plan_and_changes_nothing(shop: RunningLab) -> None:
    before = shop.service("payments")
    body = {"action": "scale", "service": "payments", "params": {"replicas": 3}}
    answer = shop.act(body, **{"X-AIRRA-Dry-Run": "1"})
    assert answer.status == 200
    told = answer.json
    assert told["state"] == "planned"
    assert told["target"] == {
        "id": "payments",
        "version": before["resource_version"],
        "generation": before["generation"],
    }
    assert told["diff"] == {"before": {"replicas": 2}, "after": {"replicas": 3}}
    assert told["undo"] == {"action": "scale", "service": "payments", "params": {"replicas": 2}}
    assert told["effects"] == ["1 replica is started"]
    assert told["reversibility"] == "exact_undo"
    assert shop.service("payments") == before


def test_a_restart_happens_once_whoever_asks_again(shop: RunningLab) -> None:
    key = uuid.uuid4().hex
    pids = {row["pid"] for row in shop.service("payments")["replicas"]}
    first = shop.act(RESTART, key)
    assert first.json["state"] == "applied"
    again = shop.act(RESTART, key)
    assert again.headers["Idempotent-Replay"] == "true"
    assert again.json == first.json == shop.get(f"/control/v1/actions/{key}").json
    assert len(shop.effects(key)) == 1
    assert not pids & {row["pid"] for row in shop.service("payments")["replicas"]}


def test_a_key_cannot_be_used_for_another_body(shop: RunningLab) -> None:
    key = uuid.uuid4().hex
    assert shop.act(FLAG_ON, key).status == 200
    other = shop.act(RESTART, key)
    assert other.status == 422
    assert other.json["error"]["field"] == "Idempotency-Key"


def test_an_unknown_key_is_not_found(shop: RunningLab) -> None:
    assert shop.get("/control/v1/actions/never-seen").status == 404


def test_a_key_is_required(shop: RunningLab) -> None:
    answer = shop.act(RESTART, **{"Idempotency-Key": ""})
    assert answer.status == 422
    assert answer.json["error"]["field"] == "Idempotency-Key"


def test_a_moved_service_is_a_conflict(shop: RunningLab) -> None:
    key = uuid.uuid4().hex
    current = shop.service("checkout")["resource_version"]
    answer = shop.act({**FLAG_ON, "expected_version": "0.0"}, key)
    assert answer.status == 409
    assert answer.json["error"]["current"]["version"] == current
    assert shop.effects(key) == []
    assert shop.act({**FLAG_ON, "expected_version": current}, key).status == 200


def test_the_outside_provider_is_not_ours(shop: RunningLab) -> None:
    assert shop.act({**RESTART, "service": "bank"}).status == 403


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"service": "nowhere"}, "service"),
        ({"action": "explode"}, "action"),
        ({"params": {"force": True}}, "params.force"),
        ({"surprise": 1}, "surprise"),
        ({"action": "scale", "params": {"replicas": 7}}, "params.replicas"),
        ({"action": "scale", "params": {"replicas": True}}, "params.replicas"),
        ({"action": "rollback", "params": {"to_revision": 99}}, "params.to_revision"),
        ({"action": "set_flag", "params": {"flag": "x", "value": True}}, "params.flag"),
    ],
)
def test_what_makes_no_sense_is_named(
    shop: RunningLab, change: dict[str, object], field: str
) -> None:
    answer = shop.act({**RESTART, **change})
    assert answer.status == 422
    assert answer.json["error"]["field"] == field


def test_a_lost_answer_leaves_an_effect_that_can_be_looked_up(shop: RunningLab) -> None:
    key = uuid.uuid4().hex
    body = {**FLAG_ON, "params": {"flag": "checkout.gift_wrap", "value": False}}
    shop.post("/lab/chaos", {"delay_s": 0.1, "drop_after_effect": True})
    with pytest.raises((http.client.RemoteDisconnected, ConnectionError)):
        shop.act(body, key)
    assert shop.get(f"/control/v1/actions/{key}").json["state"] == "applied"
    assert shop.act(body, key).headers["Idempotent-Replay"] == "true"
    assert len(shop.effects(key)) == 1


def test_scaling_starts_and_stops_real_processes(shop: RunningLab) -> None:
    since = time.time()
    up = {"action": "scale", "service": "checkout", "params": {"replicas": 3}}
    told = shop.act(up).json
    assert told["state"] == "applied"
    assert shop.service("checkout")["ready_replicas"] == 3
    poll(lambda: shop.value('count(up{service="checkout"} == 1)') == 3)
    undo = told["undo"]
    assert shop.act(undo).json["state"] == "applied"
    assert shop.service("checkout")["ready_replicas"] == 2
    poll(lambda: shop.value('count(up{service="checkout"})') == 2)
    changes = shop.get("/changes", since=since).json["changes"]
    scales = [(c["from"], c["to"]) for c in changes if c["kind"] == "scale"]
    assert scales == [("2", "3"), ("3", "2")]


def test_other_origins_may_not_press_buttons(shop: RunningLab) -> None:
    before = shop.get("/lab/faults").json
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    for header in ({"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        answer = shop.send("POST", "/lab/faults", b"fault=memory-leak", form | header)
        assert answer.status == 403
    assert shop.get("/lab/faults").json == before


def test_bodies_that_are_no_objects_are_refused(shop: RunningLab) -> None:
    stamp = str(int(time.time()))
    for body in (b"[]", b"nonsense", json.dumps("x").encode()):
        answer = shop.send(
            "POST", "/control/v1/actions", body,
            {
                "Idempotency-Key": "k", "X-AIRRA-Timestamp": stamp,
                "X-AIRRA-Signature": sign("a secret of the tests", stamp, body),
            },
        )  # fmt: skip
        assert answer.status == 422


def test_unknown_faults_and_places_are_refused(shop: RunningLab) -> None:
    assert shop.post("/lab/faults", {"fault": "earthquake"}).status == 422
    refused = shop.post("/lab/faults", {"fault": "full-disk", "service": "bank"})
    assert refused.status == 422
    assert "payments" in refused.json["error"]["message"]


@pytest.mark.parametrize(
    ("fault", "pace", "words"),
    [
        ("memory-leak", 0, "between"),
        ("memory-leak", 99, "between"),
        ("memory-leak", "fast", "number"),
        ("cpu-burn", 0.5, "does not creep"),
    ],
)
def test_only_what_creeps_has_a_pace(
    shop: RunningLab, fault: str, pace: object, words: str
) -> None:
    refused = shop.post("/lab/faults", {"fault": fault, "pace": pace})
    assert refused.status == 422
    assert words in refused.json["error"]["message"]


def test_a_replica_that_dies_is_started_again(shop: RunningLab) -> None:
    victim = shop.service("search")["replicas"][0]
    os.kill(victim["pid"], signal.SIGKILL)
    poll(lambda: shop.value('service_restarts_total{service="search"}') == 1)
    poll(lambda: shop.service("search")["ready_replicas"] == 2)
    assert shop.service("search")["replicas"][0]["pid"] != victim["pid"]
