"""What only HAProxy has: the rest must carry the load, and nothing else reaches its socket."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from remediation.execution.base import Connection, ExecutorError
from remediation.execution.executors import haproxy
from remediation.execution.executors.haproxy_socket import Server, servers_of, worst
from remediation.types import ActionRequest, Applied
from tests.contract.executors.rig import aimed, attempt
from tests.contract.executors.rig_haproxy import RealHaproxy

live = pytest.mark.live


@pytest.fixture
def rig() -> Iterator[RealHaproxy]:
    with RealHaproxy() as rig:
        yield rig


def to(state: str, server: str = "web2", service: str = "payments") -> ActionRequest:
    return ActionRequest("drain", service, {"server": server, "state": state})


@live
def test_a_drained_server_is_not_asked_any_more_and_comes_back(rig: RealHaproxy) -> None:
    rig.pages["web2"].status = 503
    assert 503 in rig.visit(6)
    for state in ("drain", "maint"):
        assert rig.executor().apply(rig.executor().plan(to(state)), attempt()).applied
        assert set(rig.visit(6)) == {200}
    back = rig.executor().plan(to("ready"))
    assert back.undo == to("maint")
    assert rig.executor().apply(back, attempt()).applied is Applied.APPLIED
    assert 503 in rig.visit(6)


@live
@pytest.mark.parametrize("others", ["drain", "maint"])
def test_the_last_one_stays_in(rig: RealHaproxy, others: str) -> None:
    planned = rig.executor().plan(to("drain"))
    for other in ("web1", "web3"):
        rig.set(other, others)
    with pytest.raises(ExecutorError, match="the rest can carry it: no: 0 of 1 servers"):
        rig.executor().plan(to("drain"))
    effect = rig.executor().apply(planned, attempt())
    assert effect.applied is Applied.NOT_APPLIED
    assert "the rest can carry it" in effect.error
    assert rig.states()["web2"] == "ready"


@live
def test_a_backend_of_one_is_left_alone(rig: RealHaproxy) -> None:
    with pytest.raises(ExecutorError, match="0 of 1 servers that must stay in"):
        rig.executor().plan(to("drain", "only", "single"))
    with pytest.raises(ExecutorError, match="2 of 3 servers"):
        rig.executor(keep=3).plan(to("drain"))


@live
def test_what_is_so_already_is_no_change(rig: RealHaproxy) -> None:
    with pytest.raises(ExecutorError, match="web2 is ready already"):
        rig.executor().plan(to("ready"))


@live
@pytest.mark.parametrize(
    "params",
    [
        {"server": "web2", "state": "drain; disable frontend shop"},
        {"server": "web2 state maint", "state": "drain"},
        {"server": "web2\nset server be_shop/web1 state maint", "state": "drain"},
        {"server": "../web2", "state": "drain"},
    ],
)
def test_nothing_but_three_words_and_a_name_reaches_the_socket(
    rig: RealHaproxy, params: dict[str, Any]
) -> None:
    before = rig.states()
    good = rig.executor().plan(to("drain"))
    bad = ActionRequest("drain", "payments", params)
    with pytest.raises(ExecutorError):
        rig.executor().plan(bad)
    effect = rig.executor().apply(replace(good, request=bad), attempt())
    assert effect.applied is Applied.NOT_APPLIED
    assert rig.states() == before


@live
def test_the_one_bad_server_is_offered(rig: RealHaproxy) -> None:
    rig.pages["web2"].status = 500
    assert rig.executor().describe("payments").offers == ()
    rig.visit(180)
    (offer,) = rig.executor().describe("payments").offers
    assert offer.params == {"server": "web2", "state": "drain"}
    assert offer.reason == "web2 answers 100% with errors, its peers at most 0%"


@live
@pytest.mark.enable_socket
def test_it_speaks_through_a_unix_socket(rig: RealHaproxy) -> None:
    executor = rig.at(f"unix://{rig.directory}/admin.sock")
    assert executor.apply(executor.plan(aimed(rig, "drain")), attempt()).applied is Applied.APPLIED


@live
def test_the_target_hangs_up_on_who_is_held_up_before_sending(rig: RealHaproxy) -> None:
    """A process that sleeps between its last look and the command cannot be heard late."""
    sock = rig.socket._connected()
    with sock:
        sock.settimeout(30)
        assert sock.recv(1) == b"", "its stats timeout is over"


@pytest.mark.parametrize("url", ["tcp://10.0.0.1:9999", "http://127.0.0.1:9", "unix://", "tcp://x"])
def test_only_a_local_socket_is_an_address(url: str) -> None:
    executor = haproxy.connect(Connection(url, "-", 1, {"backends": {"payments": "be_shop"}}))
    with pytest.raises(ExecutorError):
        executor.describe("payments")


def server(name: str, **said: Any) -> Server:
    fields = {
        "address": "127.0.0.1:1", "admin": 0, "is_running": True, "sessions": 0, "limit": 10,
        "responses": 100, "failures": 0, "response_ms": 20, **said,
    }  # fmt: skip
    return Server(name=name, **fields)


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"b": {"failures": 40}}, "b"),
        ({"b": {"response_ms": 900}}, "b"),
        ({"b": {"failures": 40}, "c": {"failures": 40}}, None),
        ({"b": {"failures": 40, "responses": 40}}, None),
        ({"b": {"failures": 40, "admin": 8}}, None),
        ({"b": {"response_ms": 90}}, None),
        ({}, None),
    ],
)
def test_one_that_is_clearly_worse_is_found(
    changed: dict[str, dict[str, Any]], expected: str | None
) -> None:
    found = worst({name: server(name, **changed.get(name, {})) for name in "abc"})
    assert (found[0].name if found else None) == expected


def test_tables_that_are_none_are_an_error() -> None:
    with pytest.raises(ExecutorError, match="cannot be read"):
        servers_of("1\n# be_id be_name srv_name\n3 b s\n", "# pxname,svname\nb,s\n", "b")
