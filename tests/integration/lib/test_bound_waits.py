"""A process that hangs in a transaction keeps others waiting for so long and no longer."""

import threading
from collections.abc import Callable

import pytest
from django.db import DatabaseError, OperationalError, connection, transaction

from airra.lib.db import bound_waits
from incidents.models import Workspace
from tests.rivals import at_once, needs_rivals

pytestmark = needs_rivals


def rename(name: str) -> None:
    Workspace.objects.filter(slug="default").update(name=name)


@pytest.fixture
def place(transactional_db: None) -> Workspace:
    return Workspace.objects.get_or_create(slug="default", defaults={"name": "Default"})[0]


def beside(work: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=at_once, args=(1, work))
    thread.start()
    return thread


def test_a_wait_for_a_lock_ends(place: Workspace) -> None:
    @transaction.atomic
    def wait() -> None:
        bound_waits(lock_s=0.1, statement_s=10, idle_s=10)
        rename("second")

    def try_it() -> None:
        with pytest.raises(OperationalError, match="lock timeout"):
            wait()

    with transaction.atomic():
        rename("first")
        beside(try_it).join(10)
    place.refresh_from_db()
    assert place.name == "first"


def test_who_hangs_in_a_transaction_loses_it_and_its_locks(place: Workspace) -> None:
    holds, others_done = threading.Event(), threading.Event()

    @transaction.atomic
    def hang() -> None:
        bound_waits(lock_s=10, statement_s=10, idle_s=0.1)
        rename("from one who hangs")
        holds.set()
        others_done.wait(10)
        rename("too late")

    def try_it() -> None:
        with pytest.raises(DatabaseError):
            hang()

    hanging = beside(try_it)
    assert holds.wait(10)
    with transaction.atomic():
        bound_waits(lock_s=8, statement_s=9, idle_s=10)
        rename("second")
    others_done.set()
    hanging.join(10)
    place.refresh_from_db()
    assert place.name == "second"


def test_the_bounds_end_with_the_transaction(place: Workspace) -> None:
    with transaction.atomic():
        bound_waits(lock_s=1, statement_s=2, idle_s=3)
    with connection.cursor() as cursor:
        cursor.execute("SHOW idle_in_transaction_session_timeout")
        assert cursor.fetchone() == ("0",)
