"""What is approved is a hash: any field changes it, and storage does not."""

import json
from dataclasses import asdict, replace
from typing import Any

import pytest

from remediation.types import (
    ActionRequest,
    PlannedAction,
    Prediction,
    Reversibility,
    plan_hash,
)

PLANNED = PlannedAction(
    request=ActionRequest("scale", "checkout", {"replicas": 4}),
    target_id="service/checkout",
    target_version="7",
    before={"replicas": 2},
    after={"replicas": 4},
    effects=("2 replicas are started",),
    reversibility=Reversibility.EXACT_UNDO,
    undo=ActionRequest("scale", "checkout", {"replicas": 2}),
    fidelity="server",
)
PREDICTION = Prediction(
    query="q", connector_id="c", service="checkout", service_label="service", signal="errors",
    direction="up", threshold=0.1, level_before=0.5,
)  # fmt: skip


def hashed(planned: PlannedAction = PLANNED, prediction: Prediction = PREDICTION) -> str:
    return plan_hash(action_version=1, planned=planned, prediction=prediction, policy_version=1)


@pytest.mark.parametrize(
    "change",
    [
        {"request": ActionRequest("scale", "checkout", {"replicas": 5})},
        {"request": ActionRequest("scale", "payments", {"replicas": 4})},
        {"target_id": "service/payments"},
        {"target_version": "8"},
        {"before": {"replicas": 3}},
        {"after": {"replicas": 40}},
        {"effects": ()},
        {"reversibility": Reversibility.COMPENSABLE},
        {"undo": None},
        {"fidelity": "described"},
    ],
)
def test_any_part_of_the_plan_changes_it(change: dict[str, Any]) -> None:
    assert hashed(replace(PLANNED, **change)) != hashed()


@pytest.mark.parametrize("name", list(asdict(PREDICTION)))
def test_any_part_of_the_prediction_changes_it(name: str) -> None:
    value = getattr(PREDICTION, name)
    other: Any = value + 1 if isinstance(value, int | float) else f"{value}x"
    assert hashed(prediction=replace(PREDICTION, **{name: other})) != hashed()


def test_versions_change_it() -> None:
    both: dict[str, Any] = {"planned": PLANNED, "prediction": PREDICTION}
    assert plan_hash(action_version=2, policy_version=1, **both) != hashed()
    assert plan_hash(action_version=1, policy_version=2, **both) != hashed()


def test_storage_as_json_does_not() -> None:
    stored = json.loads(json.dumps(asdict(PLANNED)))
    again = PlannedAction(
        **{
            **stored,
            "request": ActionRequest(**stored["request"]),
            "undo": ActionRequest(**stored["undo"]),
            "effects": tuple(stored["effects"]),
            "reversibility": Reversibility(stored["reversibility"]),
        }
    )
    assert hashed(again) == hashed()
