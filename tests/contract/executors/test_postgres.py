"""What only PostgreSQL has: cancelling before closing, and backends nobody may end."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from remediation.execution.base import ExecutorError, NothingToActOn
from remediation.execution.executors.postgres_sql import Backend, heads, victims_of
from remediation.types import ActionRequest, Applied, Probe
from tests.contract.executors.rig import aimed, attempt
from tests.contract.executors.rig_postgres import RealPostgres

live = pytest.mark.live


@pytest.fixture
def rig() -> Iterator[RealPostgres]:
    with RealPostgres() as rig:
        yield rig


def busy(rig: RealPostgres) -> Iterator[threading.Thread]:
    """Its holder now runs a long statement, inside the transaction that holds the lock."""
    holder = rig.holders[0]

    def run() -> None:
        with pytest.raises(psycopg.errors.QueryCanceled):
            holder.connection.execute("SELECT pg_sleep(600)")

    thread = threading.Thread(target=run)
    thread.start()
    rig._until(lambda: _state(rig, holder.pid) == "active")
    yield thread
    thread.join(30)


def _state(rig: RealPostgres, pid: int) -> str:
    found = rig.admin.execute("SELECT state FROM pg_stat_activity WHERE pid = %s", (pid,))
    return str((found.fetchone() or [""])[0])


@live
def test_a_running_statement_is_cancelled_and_its_session_lives(rig: RealPostgres) -> None:
    running = busy(rig)
    thread = next(running)
    executor = rig.executor(cancel_wait_s=10)
    planned = executor.plan(aimed(rig, "end_query"))
    effect = executor.apply(planned, attempt())
    assert (effect.applied, effect.answer["how"]) == (Applied.APPLIED, "cancelled")
    thread.join(30)
    rig.waiters[0].thread.join(30)
    assert _state(rig, rig.holders[0].pid) == "idle in transaction (aborted)"
    assert rig.executor().probe(planned, attempt())[0] is Probe.APPLIED


@live
def test_one_that_only_waits_in_its_transaction_is_closed(rig: RealPostgres) -> None:
    executor = rig.executor()
    planned = executor.plan(aimed(rig, "end_query"))
    effect = executor.apply(planned, attempt())
    assert (effect.applied, effect.answer["how"]) == (Applied.APPLIED, "closed")
    rig.waiters[0].thread.join(30)
    assert _state(rig, rig.holders[0].pid) == ""
    left = rig.admin_in().execute("SELECT left_over FROM stock WHERE item = 'tea'").fetchone()
    assert left == (99,), "the waiter's change stands and the holder's is rolled back"


@live
def test_nothing_of_a_statements_text_is_shown(rig: RealPostgres) -> None:
    rig.holders[0].connection.execute("SELECT 'card 4111 1111' AS secret_column")
    planned = rig.executor().plan(aimed(rig, "end_query"))
    assert planned.before["statement"].startswith("SELECT ")
    for hidden in ("4111", "card", "secret_column"):
        assert hidden not in str(planned)


@live
def test_the_credential_is_refused_by_the_server_after_its_life(rig: RealPostgres) -> None:
    executor = rig.executor()
    planned = executor.plan(aimed(rig, "end_query"))
    now = attempt().issued_at
    old = attempt(issued_at=now - 301, deadline=now + 90)
    effect = executor.apply(planned, old)
    assert effect.applied is Applied.NOT_APPLIED
    assert rig.look()[rig.holders[0].pid] == 1


@live
@pytest.mark.parametrize(
    ("role", "name", "options", "said"),
    [
        ("dba", "api", {}, "belongs to a superuser"),
        ("app", "airra-web", {}, "is AIRRA's own"),
        ("exec", "api", {}, "is AIRRA's own"),
        ("app", "pg_dump", {}, "runs what is never ended"),
        ("app", "api", {"never_roles": ["{name}_app"]}, "a role that is never ended"),
    ],
)
def test_some_backends_are_never_ended(
    rig: RealPostgres, role: str, name: str, options: dict[str, list[str]], said: str
) -> None:
    rig.holders[0].connection.close()
    rig.waiters[0].thread.join(30)
    holder = rig.hold(role, name)
    given: dict[str, Any] = {
        key: [v.format(name=rig.name) for v in values] for key, values in options.items()
    }
    executor = rig.executor(**given)
    (target,) = executor.resolve(rig.request("end_query"))
    with pytest.raises(ExecutorError, match=said):
        executor.plan(replace(rig.request("end_query"), target=target))
    assert executor.describe("payments-db").offers == ()
    assert rig.look()[holder.pid] == 1


@live
def test_the_statement_itself_spares_a_superuser(rig: RealPostgres) -> None:
    """Whatever a plan says: the same plan, aimed at another backend, finds nobody."""
    planned = rig.executor().plan(aimed(rig, "end_query"))
    rig.holders[0].connection.close()
    rig.waiters[0].thread.join(30)
    holder = rig.hold("dba")
    found = rig.admin.execute(
        "SELECT backend_start, xact_start FROM pg_stat_activity WHERE pid = %s", (holder.pid,)
    ).fetchone()
    assert found is not None
    aimed_wrong = replace(
        planned,
        target_id=f"{rig.name} backend {holder.pid}@{found[0].isoformat()}",
        target_version=f"transaction {found[1].isoformat()}",
    )
    effect = rig.executor().apply(aimed_wrong, attempt())
    assert (effect.applied, effect.moved) == (Applied.NOT_APPLIED, True)
    assert rig.look()[holder.pid] == 1


@live
def test_what_holds_others_up_is_offered(rig: RealPostgres) -> None:
    (offer,) = rig.executor().describe("payments-db").offers
    assert offer.reason == f"backend {rig.holders[0].pid} holds up 1 others"
    request = ActionRequest("end_query", "payments-db", offer.params)
    assert rig.executor().resolve(request) == rig.executor().resolve(rig.request("end_query"))
    assert rig.executor().plan(request).target_id.startswith(f"{rig.name} backend ")


@live
def test_a_pid_that_is_somebody_else_now_is_nobody(rig: RealPostgres) -> None:
    params = {"pid": rig.holders[0].pid, "backend_start": "2020-01-01T00:00:00+00:00"}
    request = ActionRequest("end_query", "payments-db", params)
    for asks in (rig.executor().resolve, rig.executor().plan):
        with pytest.raises(NothingToActOn, match="there is no backend"):
            asks(request)


@live
def test_not_yet_long_enough_asks_for_a_second_person(rig: RealPostgres) -> None:
    planned = rig.executor(blocked_for_s=600).plan(aimed(rig, "end_query"))
    (short,) = [check for check in planned.checks if not check.ok]
    assert (short.name, short.is_fatal) == ("victims", False)
    assert "not yet 600 s" in short.detail


def backend(pid: int, *waits_for: int) -> Backend:
    return Backend(
        pid, None, None, "active", "client backend", "app", "api", "select 1", None,
        is_superuser=False, replicates=False, is_own=False, waits_for=list(waits_for),
        waited_s=1, open_s=1,
    )  # fmt: skip


def test_the_head_of_a_queue_is_found_and_a_ring_has_none() -> None:
    chain = {b.pid: b for b in (backend(1), backend(2, 1), backend(3, 2), backend(4, 1, 2))}
    assert [b.pid for b in heads(chain)] == [1]
    assert {b.pid for b in victims_of(1, chain)} == {2, 3, 4}
    assert {b.pid for b in victims_of(2, chain)} == {3, 4}
    ring = {b.pid: b for b in (backend(1, 2), backend(2, 1))}
    assert heads(ring) == []
    prepared = {b.pid: b for b in (backend(1, 0),)}
    assert heads(prepared) == [], "a prepared transaction is no backend"


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("UPDATE t SET a = 1", "update  t set a = 22", True),
        ("SELECT 'x' FROM t", "SELECT 'it''s' FROM t", True),
        ("SELECT 1 /* ana */", "SELECT 1 /* ben */", True),
        ("SELECT $$a$$", "SELECT $$b$$", True),
        ("SELECT a FROM t", "SELECT b FROM t", False),
    ],
)
def test_statements_of_one_shape_have_one_fingerprint(one: str, other: str, is_same: bool) -> None:
    first, second = replace(backend(1), query=one), replace(backend(1), query=other)
    assert (first.fingerprint == second.fingerprint) is is_same


def test_a_word_that_is_no_verb_is_not_shown() -> None:
    assert replace(backend(1), query="hunter2 is my password").fingerprint.startswith("other ")
