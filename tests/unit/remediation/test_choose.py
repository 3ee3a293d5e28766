"""Which action answers which cause, as a table; and that texts only ever select, never write."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.types import Mechanism
from remediation.decision.catalog import CATALOG, Limit
from remediation.decision.choose import Cause, choose
from remediation.execution.base import Offer

M = Mechanism


@dataclass(frozen=True)
class Service:
    name: str = "payments"
    replicas: int = 2
    flags: Mapping[str, bool] = field(default_factory=dict)
    actions: frozenset[str] = frozenset()
    offers: tuple[Offer, ...] = ()


def change(kind: str, **said: str) -> dict[str, str]:
    return {"kind": "change", "change": kind, "entity": "payments", **said}


def actions(cause: Cause, service: Service | None = None) -> list[str]:
    return [c.request.action for c in choose(cause, service or Service()).candidates]


@pytest.mark.parametrize(
    ("mechanism", "signal", "trigger", "expected"),
    [
        (M.LEAK, "memory", {}, ["restart"]),
        (M.LEAK, "pool", {}, ["restart"]),
        (M.SATURATION, "pool", {}, ["restart"]),
        (M.SATURATION, "cpu", {}, ["restart"]),
        (M.SATURATION, "disk", {}, ["restart"]),
        (M.JOB, "queue", {}, ["restart"]),
        (M.TRAFFIC, "traffic", {}, ["scale"]),
        (M.SATURATION, "traffic", {}, ["scale"]),
        (M.CHANGE, "errors", change("deploy"), ["rollback"]),
        (M.CONFIG, "errors", change("config"), ["rollback"]),
        (M.CHANGE, "restarts", change("deploy"), ["rollback"]),
        (M.UNKNOWN, "restarts", {}, ["restart"]),
        (M.UNKNOWN, "restarts", change("deploy"), ["rollback"]),
        (M.SATURATION, "restarts", change("deploy"), ["rollback", "restart"]),
        (M.CHANGE, "errors", {}, []),
        (M.DB_LOCK, "latency", {}, []),
        (M.DB_LOCK, "restarts", {}, []),
        (M.EXPIRY, "availability", {}, []),
        (M.EXTERNAL, "latency", {}, []),
        (M.UNKNOWN, "errors", {}, []),
        (M.NODE, "cpu", {}, []),
    ],
)
def test_the_table(
    mechanism: Mechanism, signal: str, trigger: dict[str, str], expected: list[str]
) -> None:
    cause = Cause("payments", mechanism, signal, trigger)
    assert actions(cause) == expected
    if not expected:
        assert choose(cause, Service()).why_none


def test_a_change_of_another_service_is_not_rolled_back_here() -> None:
    trigger = {**change("deploy"), "entity": "checkout"}
    assert actions(Cause("payments", M.CHANGE, "errors", trigger)) == []


@pytest.mark.parametrize(
    ("before", "now", "wanted"),
    [("false", True, False), ("true", False, True), ("off", True, False), ("", True, False)],
)
def test_a_switched_flag_goes_back(before: str, now: bool, wanted: bool) -> None:
    trigger = change("flag", title="Flag inv.report switched", before=before)
    service = Service(flags={"inv.report": now, "inv": True, "other": True})
    found = choose(Cause("payments", M.CHANGE, "latency", trigger), service).candidates
    assert found[0].request.params == {"flag": "inv.report", "value": wanted}


def test_a_flag_that_is_already_back_is_left_alone() -> None:
    trigger = change("flag", title="Flag inv.report switched", before="false")
    assert (
        actions(Cause("payments", M.CHANGE, "", trigger), Service(flags={"inv.report": False}))
        == []
    )


def test_the_value_is_read_with_the_name_of_the_flag_in_it() -> None:
    trigger = change("flag", title="x", before="on_call=false", after="on_call=true")
    found = choose(Cause("payments", M.CHANGE, "", trigger), Service(flags={"on_call": True}))
    assert found.candidates[0].request.params == {"flag": "on_call", "value": False}


OUTSIDE = Cause("bank", M.EXTERNAL, "latency", path=("bank", "payments", "gateway"))


@pytest.mark.parametrize(
    ("flags", "wanted"),
    [
        ({"payments.fraud_check": True}, "payments.fraud_check"),
        ({"payments.fraud_check": True, "payments.dark_mode": True}, "payments.fraud_check"),
        ({"payments.bank_receipts": True, "payments.fraud_check": True}, "payments.bank_receipts"),
        ({"payments.fraud_check": False}, None),
        ({"payments.dark_mode": True}, None),
        ({"payments.check_a": True, "payments.check_b": True}, None),
        ({}, None),
    ],
)
def test_an_optional_call_is_switched_off_only_when_it_is_clear_which(
    flags: dict[str, bool], wanted: str | None
) -> None:
    found = choose(OUTSIDE, Service(flags=flags)).candidates
    assert [c.request.params.get("flag") for c in found] == ([wanted] if wanted else [])


@pytest.mark.parametrize(("replicas", "wanted"), [(1, 2), (2, 4), (15, 20), (20, None), (0, None)])
def test_scaling_doubles_and_is_clamped(replicas: int, wanted: int | None) -> None:
    found = choose(Cause("payments", M.TRAFFIC), Service(replicas=replicas)).candidates
    assert [c.request.params["replicas"] for c in found] == ([wanted] if wanted else [])


END = Offer(
    "end_query", {"pid": 41, "backend_start": "2026-11-28T10:00:00+00:00"}, "holds up 3 backends"
)
DRAIN = Offer("drain", {"server": "web2", "state": "drain"}, "web2 answers 40 % with errors")
CORDON = Offer("cordon", {"node": "node-3", "schedulable": False}, "its pods are on node-3")
FASTER = Offer("resize", {"cpus": 0.75}, "was held back in half of its time")
GROW = Offer("resize", {"memory_mb": 1024}, "uses 500 of 512 MiB")
ALL = frozenset(CATALOG)


@pytest.mark.parametrize(
    ("mechanism", "signal", "offers", "expected"),
    [
        (M.DB_LOCK, "latency", (END,), ["end_query"]),
        (M.DB_LOCK, "latency", (), []),
        (M.NODE, "errors", (CORDON,), ["cordon"]),
        (M.NODE, "latency", (DRAIN,), ["drain"]),
        (M.UNKNOWN, "errors", (DRAIN,), ["drain"]),
        (M.TRAFFIC, "errors", (DRAIN,), ["scale"]),
        (M.LEAK, "memory", (GROW,), ["restart", "resize"]),
        (M.SATURATION, "memory", (GROW, DRAIN), ["restart", "resize"]),
        (M.SATURATION, "cpu", (GROW,), ["restart"]),
        (M.SATURATION, "cpu", (FASTER,), ["restart", "resize"]),
        (M.EXPIRY, "errors", (), ["reload"]),
        (M.CONFIG, "errors", (), ["reload"]),
    ],
)
def test_what_only_the_target_can_name_is_taken_from_its_offers(
    mechanism: Mechanism, signal: str, offers: tuple[Offer, ...], expected: list[str]
) -> None:
    service = Service(actions=ALL, offers=offers)
    found = choose(Cause("payments", mechanism, signal), service).candidates
    assert [c.request.action for c in found] == expected
    for candidate in found:
        for offer in offers:
            if offer.action == candidate.request.action:
                assert candidate.request.params == offer.params
                assert candidate.reason == offer.reason


def test_an_offer_passes_the_catalogue_like_anybody() -> None:
    worse = Offer("end_query", {"pid": 41, "backend_start": "now()"}, "first")
    extra = Offer("end_query", {**END.params, "all": True}, "second")
    service = Service(actions=ALL, offers=(worse, extra))
    assert choose(Cause("payments", M.DB_LOCK, ""), service).candidates == ()
    service = Service(actions=ALL, offers=(worse, extra, END))
    assert choose(Cause("payments", M.DB_LOCK, ""), service).candidates[0].reason == END.reason


def test_only_what_is_possible_there_is_proposed() -> None:
    service = Service(actions=frozenset({"end_query"}), offers=(GROW,))
    found = choose(Cause("payments", M.LEAK, "memory"), service)
    assert found.candidates == ()
    assert found.why_none


def test_only_what_the_workspace_allows_is_proposed() -> None:
    cause, service = Cause("payments", M.TRAFFIC, "traffic"), Service(replicas=4)
    assert actions(cause, service) == ["scale"]
    off = {"scale": Limit(is_enabled=False)}
    elsewhere = {"scale": Limit(environments=frozenset({"staging"}))}
    lower = {"scale": Limit(maximums={"replicas": 6})}
    full = {"scale": Limit(maximums={"replicas": 4})}
    assert choose(cause, service, off).candidates == ()
    assert choose(cause, service, elsewhere, "prod").candidates == ()
    assert choose(cause, service, full).candidates == ()
    assert choose(cause, service, lower).candidates[0].request.params == {"replicas": 6}


def test_what_is_left_to_people_is_named() -> None:
    why = choose(Cause("payments", M.EXPIRY, "availability"), Service()).why_none
    assert why.endswith("left to people: renew or replace a certificate")


text = st.text(max_size=40)


@given(
    mechanism=st.sampled_from(Mechanism),
    signal=text,
    trigger=st.dictionaries(
        st.sampled_from(["change", "title", "before", "after", "id", "revision", "entity"]),
        st.sampled_from(["flag", "deploy", "config", "a", "b.c", "true", "payments"]) | text,
    ),
    statement=text,
    possible=st.frozensets(st.sampled_from(sorted(CATALOG))),
    offers=st.lists(
        st.builds(
            Offer,
            action=st.sampled_from(sorted(CATALOG)) | text,
            params=st.sampled_from([END.params, DRAIN.params, CORDON.params, GROW.params])
            | st.dictionaries(text, text | st.integers()),
            reason=text,
        ),
        max_size=4,
    ),
    flags=st.dictionaries(st.sampled_from(["a", "b.c", "check_d"]), st.booleans()),
)
def test_untrusted_text_selects_but_never_writes(
    mechanism: Mechanism,
    signal: str,
    trigger: dict[str, str],
    statement: str,
    possible: frozenset[str],
    offers: list[Offer],
    flags: dict[str, bool],
) -> None:
    cause = Cause("payments", mechanism, signal, trigger, ("payments",), statement)
    service = Service(flags=flags, actions=possible, offers=tuple(offers))
    found = choose(cause, service)
    assert bool(found.candidates) != bool(found.why_none)
    chosen = [c.request.action for c in found.candidates]
    assert len(set(chosen)) == len(chosen) or chosen.count("set_flag") == 2
    for candidate in found.candidates:
        assert candidate.request.service == "payments"
        assert mechanism not in CATALOG[candidate.request.action].forbidden_when
        assert candidate.request.action in (
            possible or {"restart", "scale", "rollback", "set_flag"}
        )
        assert candidate.request.action != "run_script"
        flag = candidate.request.params.get("flag")
        assert flag is None or flags[flag] != candidate.request.params["value"]
        assert "to_revision" not in candidate.request.params
