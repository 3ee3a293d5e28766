"""The chain the database makes of the audit rows: no gap, no fork, the same on both databases."""

import random
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError, connection, transaction
from django.db.utils import IntegrityError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airra.lib import clock, hashchain
from incidents.commands import audit
from incidents.models import AuditEvent, AuditHead, AuditLink, Service, Workspace
from incidents.models.audit import SEALED, body_of
from incidents.queries.audit_chain import verify

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def place() -> Workspace:
    return Workspace.objects.create(id=uuid4(), name="Chained", slug="chained")


def links() -> list[AuditLink]:
    return list(AuditLink.objects.order_by("seq"))


def test_rows_are_numbered_and_each_holds_the_one_before(place: Workspace) -> None:
    for number in range(3):
        audit.record("test.done", target=place, after={"number": number})
    first, second, third = links()
    head = AuditHead.objects.get()
    assert [link.seq for link in (first, second, third)] == [1, 2, 3]
    assert first.prev == hashchain.genesis(head.chain)
    assert (second.prev, third.prev) == (first.hash, second.hash)
    assert (head.seq, head.hash) == (3, third.hash)
    event = AuditEvent.objects.get(pk=third.event_id)
    assert event.after == {"number": 2}
    assert third.body_sha == hashchain.sha(event.body)
    assert third.hash == hashchain.link_hash(3, second.hash, third.body_sha)


def test_what_is_rolled_back_takes_no_number(place: Workspace) -> None:
    audit.record("test.done", target=place)
    with transaction.atomic():
        audit.record("test.undone", target=place)
        transaction.set_rollback(True)
    with transaction.atomic():
        audit.record("test.done", target=place)
        try:
            with transaction.atomic():
                audit.record("test.undone", target=place)
                raise ZeroDivisionError
        except ZeroDivisionError:
            audit.record("test.done", target=place)
    assert [link.seq for link in links()] == [1, 2, 3]
    assert set(AuditEvent.objects.values_list("kind", flat=True)) == {"test.done"}
    assert verify().is_intact


def test_a_row_without_a_body_is_refused_by_the_database(place: Workspace) -> None:
    with pytest.raises(DatabaseError, match="without a body"):
        AuditEvent.objects.create(actor="x", kind="x", target_type="x", target_id="1", target="x")
    with pytest.raises(DatabaseError, match="without a body"):
        AuditEvent.objects.bulk_create([AuditEvent(actor="x", kind="x")])
    assert not AuditLink.objects.exists()


def test_links_cannot_be_changed_even_by_sql(place: Workspace) -> None:
    audit.record("test.done", target=place)
    with pytest.raises(TypeError, match="append-only"):
        AuditLink.objects.update(hash="0" * 64)
    with (
        pytest.raises(DatabaseError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute("UPDATE incidents_auditlink SET hash = 'x'")


def test_a_chain_without_its_head_takes_no_more_rows(place: Workspace) -> None:
    audit.record("test.done", target=place)
    AuditHead.objects.all().delete()
    with pytest.raises(DatabaseError, match="lost its head"), transaction.atomic():
        audit.record("test.done", target=place)
    assert AuditEvent.objects.count() == 1


def test_a_number_that_is_taken_stops_the_transaction(place: Workspace) -> None:
    """A head set back, as after an attack or a bad restore, forks nothing."""
    for _ in range(2):
        audit.record("test.done", target=place)
    AuditHead.objects.update(seq=1)
    with pytest.raises(DatabaseError):  # noqa: PT012, SIM117 - what fails is the commit
        with transaction.atomic():
            Workspace.objects.filter(pk=place.pk).update(name="Changed")
            audit.record("test.done", target=place)
    place.refresh_from_db()
    assert place.name == "Chained"


class Word(StrEnum):
    OPEN = "open"


TEXTS = st.text(st.characters(codec="utf-16", categories=None), max_size=12) | st.sampled_from(
    ["", "Zoë", "火事", "\u0000x", "\ud800", "e\u0301", "\U0001f525", '"\\/', "\u2028"]
)
NUMBERS = (
    st.integers()
    | st.floats()
    | st.sampled_from([0, -0.0, 1.0, 0.1, 1e16, 1e22, 2**53, 2**53 - 1, -(2**60), 5e-324, 1e-7])
)
LEAVES = st.none() | st.booleans() | NUMBERS | TEXTS
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3)
)
MOMENTS = st.datetimes(
    datetime(2000, 1, 1),  # noqa: DTZ001 - the strategy wants it so
    datetime(2100, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(after=st.dictionaries(TEXTS, VALUES, max_size=4), reason=TEXTS, actor=TEXTS, at=MOMENTS)
def test_what_comes_back_has_the_body_that_went_in(
    place: Workspace, after: dict[str, Any], reason: str, actor: str, at: datetime
) -> None:
    with clock.frozen(at):
        made = audit.record("test.done", target=place, after=after, reason=reason, actor=actor)
    back = AuditEvent.objects.get(pk=made.pk)
    assert back.after == made.after
    assert body_of(back) == body_of(made) == made.body == back.body
    assert verify(from_seq=back.link.seq).is_intact


def test_what_json_does_not_know_becomes_text(place: Workspace) -> None:
    moment = datetime(2026, 3, 2, 3, 0, 0, 123456, tzinfo=UTC)
    after = {
        "state": Word.OPEN,
        "at": moment,
        "ratio": Decimal("1.10"),
        "big": 2**70,
        "never": float("nan"),
        "both": (1, 2),
        7: timedelta(seconds=5),
    }
    made = audit.record("test.done", target=place, after=after)  # type: ignore[arg-type]  # a key that is no text
    back = AuditEvent.objects.get(pk=made.pk)
    assert back.after == {
        "state": "open",
        "at": "2026-03-02 03:00:00.123456+00:00",
        "ratio": "1.10",
        "big": str(2**70),
        "never": "nan",
        "both": [1, 2],
        "7": "0:00:05",
    }


def test_names_addresses_and_free_text_stand_in_the_body_as_digests(place: Workspace) -> None:
    ana = User.objects.create_user("ana.b@example.org")
    made = audit.record(
        "test.done", target=place, by=ana, reason="call +49 30 1234", after={"a": 1}
    )
    other = audit.record("test.done", target=place, by=ana)
    assert "ana.b" not in made.body
    assert "1234" not in made.body
    assert set(made.salts) == set(SEALED)
    assert made.salts["actor"] != other.salts["actor"]  # equal names do not show as equal


def test_a_secret_is_kept_as_a_digest_that_a_dump_does_not_give_away(place: Workspace) -> None:
    made = audit.record("test.done", target=place, after={"api_token": "hunter2", "token": ""})
    again = audit.record("test.done", target=place, after={"api_token": "hunter2"})
    assert made.after["api_token"].startswith("hmac-sha256:")
    assert made.after["token"] == ""
    assert again.after["api_token"] == made.after["api_token"]
    assert "hunter2" not in str(AuditEvent.objects.values())


def together(work: Callable[[int], None], threads: int) -> list[BaseException]:
    """Run `work(n)` in so many threads, each with its own connection, let go at once."""
    gate, failed = threading.Barrier(threads), []

    def one(number: int) -> None:
        try:
            gate.wait()
            work(number)
        except BaseException as error:  # noqa: BLE001 - told to the test
            failed.append(error)
        finally:
            connection.close()

    running = [threading.Thread(target=one, args=(n,)) for n in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    return failed


def is_shared() -> bool:
    """Whether threads can see the test's database: not where it lives in memory."""
    return connection.vendor == "postgresql" or not connection.is_in_memory_db()  # type: ignore[attr-defined]  # of SQLite's own connection


def test_fifty_at_once_leave_no_gap_and_no_fork(place: Workspace) -> None:
    if not is_shared():
        pytest.skip("its twin below brings a database in a file")
    rng = random.Random(5)
    plan = [[rng.random() < 0.3 for _ in range(4)] for _ in range(50)]

    def work(number: int) -> None:
        for fails in plan[number]:
            try:
                with transaction.atomic():
                    audit.record("test.done", target=place, after={"by": number})
                    audit.record("test.done", target=place)
                    if fails:
                        raise ZeroDivisionError
            except ZeroDivisionError:
                continue

    assert together(work, 50) == []
    kept = 2 * sum(not fails for each in plan for fails in each)
    assert [link.seq for link in links()] == list(range(1, kept + 1))
    report = verify()
    assert report.is_intact, report.problems
    assert report.rows == kept


def test_the_lock_is_taken_last_so_that_opposite_orders_do_not_deadlock(place: Workspace) -> None:
    """One locks a row and then records, the other records and then locks the same row."""
    if connection.vendor != "postgresql":
        pytest.skip("SQLite lets in one writer at a time")
    meet = threading.Barrier(2, timeout=10)

    def work(number: int) -> None:
        mine = Workspace.objects.filter(pk=place.pk)
        with transaction.atomic():
            if number == 0:
                audit.record("test.done", target=place)
                meet.wait()
                meet.wait()
                mine.update(name="by the first")
            else:
                meet.wait()
                mine.update(name="by the second")
                audit.record("test.done", target=place)
                meet.wait()

    assert together(work, 2) == []
    assert verify().rows == 2


def test_a_long_transaction_holds_nobody_up(place: Workspace) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite lets in one writer at a time")
    with transaction.atomic():
        audit.record("test.long", target=place)
        with connection.cursor() as cursor:
            cursor.execute("SHOW lock_timeout")

        def work(_: int) -> None:
            with connection.cursor() as cursor:
                cursor.execute("SET lock_timeout = '3s'")
            audit.record("test.short", target=place)

        assert together(work, 1) == []
    assert [link.event.kind for link in links()] == ["test.short", "test.long"]
    assert verify().is_intact


def test_a_foreign_key_that_fails_at_commit_leaves_no_link(place: Workspace) -> None:
    with pytest.raises(IntegrityError):  # noqa: PT012, SIM117 - what fails is the commit
        with transaction.atomic():
            audit.record("test.undone", target=place)
            Service.objects.create(workspace_id=uuid4(), name="nowhere")
    assert not AuditLink.objects.exists()
