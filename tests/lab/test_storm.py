"""The storm is the same for a seed, of the size asked for, and in the words of Alertmanager."""

import json

import pytest

from lab.storm import BEGINS, storm

SIZES = (200, 1000)


@pytest.mark.parametrize("size", SIZES)
def test_a_seed_makes_one_storm_of_exactly_that_size(size: int) -> None:
    one, again = storm(1, size=size), storm(1, size=size)
    assert one == again
    assert len(one.firing) == size
    assert one != storm(2, size=size)


def test_what_it_is_made_of() -> None:
    found = storm(3)
    services = {service for edge in found.edges for service in edge}
    assert len(services) == 30
    assert all(fault.service in services for fault in found.faults)
    overlapping = [
        (a.name, b.name)
        for a in found.faults
        for b in found.faults
        if a.begins_s < b.begins_s < a.ends_s
    ]
    assert overlapping
    truths = {message.truth for message in found.firing}
    assert {fault.name for fault in found.faults} <= truths
    assert any(truth.startswith("noise-") for truth in truths)


def test_its_bodies_are_alertmanagers() -> None:
    found = storm(3)
    times = [message.at_s for message in found.messages]
    assert times == sorted(times)
    unlabelled = [m for m in found.firing if "service" not in m.alert["labels"]]
    assert 0.05 < len(unlabelled) / len(found.firing) < 0.25
    for message in found.messages:
        alert = json.loads(json.dumps(message.alert))
        assert alert["status"] in ("firing", "resolved")
        assert {"alertname", "severity"} <= alert["labels"].keys()
        assert "truth" not in json.dumps(alert)
        assert "fault" not in json.dumps(alert)
        assert message.at >= BEGINS


def test_an_alert_has_one_cause_at_a_time() -> None:
    firing: dict[str, str] = {}
    for message in storm(4).messages:
        key = message.alert["fingerprint"]
        if message.is_firing:
            assert firing.setdefault(key, message.truth) == message.truth
        else:
            firing.pop(key, None)
