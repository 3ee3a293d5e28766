"""The catalogue is closed: nothing unknown, nothing out of bounds, nothing extra."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remediation.decision.catalog import (
    CATALOG,
    BadParameters,
    UnknownAction,
    request_of,
    spec_of,
    title_of,
)
from remediation.execution.base import CREDENTIAL_LIFE_S


@given(st.text())
def test_what_is_not_listed_does_not_exist(name: str) -> None:
    if name in CATALOG:
        return
    with pytest.raises(UnknownAction, match="there is no action"):
        spec_of(name)


@pytest.mark.parametrize(
    ("action", "params"),
    [
        ("restart", {"all": True}),
        ("scale", {}),
        ("scale", {"replicas": 0}),
        ("scale", {"replicas": 21}),
        ("scale", {"replicas": "3"}),
        ("scale", {"replicas": True}),
        ("scale", {"replicas": 3, "force": True}),
        ("rollback", {"to_revision": "1; rm -rf /"}),
        ("rollback", {"to_revision": -1}),
        ("set_flag", {"flag": "x"}),
        ("set_flag", {"flag": "a b", "value": True}),
        ("set_flag", {"flag": "x", "value": "off"}),
    ],
)
def test_parameters_out_of_bounds_are_refused_with_their_field(
    action: str, params: dict[str, Any]
) -> None:
    with pytest.raises(BadParameters, match=action):
        request_of(action, "payments", params)


@given(st.dictionaries(st.text(), st.integers() | st.booleans() | st.text() | st.none()))
def test_whatever_is_sent_comes_out_checked_or_not_at_all(params: dict[str, Any]) -> None:
    for action in CATALOG:
        try:
            request = request_of(action, "payments", params)
        except BadParameters:
            continue
        assert set(request.params) <= set(CATALOG[action].params.model_fields)


@pytest.mark.parametrize("service", ["", "  "])
def test_an_empty_target_is_an_error(service: str) -> None:
    with pytest.raises(BadParameters, match="never everything"):
        request_of("restart", service, {})


def test_titles_name_deed_and_target() -> None:
    titles = [
        title_of(request_of("restart", "payments", {})),
        title_of(request_of("scale", "checkout", {"replicas": 4})),
        title_of(request_of("rollback", "checkout", {})),
        title_of(request_of("rollback", "checkout", {"to_revision": 7})),
        title_of(request_of("set_flag", "payments", {"flag": "fraud", "value": False})),
    ]
    assert titles == [
        "Restart payments",
        "Scale checkout to 4 replicas",
        "Roll back checkout",
        "Roll back checkout to 7",
        "Set flag fraud of payments to false",
    ]


@pytest.mark.parametrize("spec", CATALOG.values(), ids=lambda spec: spec.key)
def test_a_lease_outlives_the_call_and_the_signature_outlives_the_lease(spec: Any) -> None:
    assert 3 * spec.timeout_s < spec.lease_s < CREDENTIAL_LIFE_S
    assert spec.settle_s < spec.within_s
