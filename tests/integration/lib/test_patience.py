"""A PostgreSQL that is cut off or hangs keeps no request for ever."""

import socket
import time
from collections.abc import Callable

import psycopg
import pytest
from django.conf import settings
from django.db import OperationalError, connection, transaction
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory

from airra.lib.middleware import BoundWaitMiddleware
from airra.lib.patience import answered_within, most_s
from tests.rivals import at_once, needs_rivals

HANG = "SELECT pg_sleep(10)"  # seconds in which nothing comes, as from a process that is stopped


def ask(sql: str) -> object:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        row = cursor.fetchone()
        return row and row[0]


@needs_rivals
@pytest.mark.django_db
def test_the_bounds_of_tcp_are_those_of_the_socket() -> None:
    """Linux itself asks a silent one after two hours, and sends bytes again for a quarter."""
    with connection.cursor():
        raw = connection.connection
        assert isinstance(raw, psycopg.Connection)
    with socket.socket(fileno=raw.fileno()) as held:
        try:
            options = (
                socket.TCP_KEEPIDLE,
                socket.TCP_KEEPINTVL,
                socket.TCP_KEEPCNT,
                socket.TCP_USER_TIMEOUT,
            )
            found = [held.getsockopt(socket.IPPROTO_TCP, option) for option in options]
            assert held.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        finally:
            held.detach()
    assert found == [10, 3, 3, 10_000]


@needs_rivals
@pytest.mark.parametrize("ways", [transaction.atomic, lambda work: work])
def test_a_request_does_not_wait_for_ever(
    transactional_db: None, ways: Callable[[Callable[[], None]], Callable[[], None]]
) -> None:
    def try_it() -> None:
        with answered_within(0.2), pytest.raises(OperationalError, match=r"no answer within 0.2 s"):
            ways(lambda: void(ask(HANG)))()
        connection.close()  # as after each request
        assert ask("SELECT 1") == 1, "the next one gets another connection"

    begun = time.monotonic()
    at_once(1, try_it)
    assert time.monotonic() - begun < 5


def void(_: object) -> None:
    """For a lambda that must give nothing."""


@needs_rivals
def test_what_comes_in_time_is_as_ever(transactional_db: None) -> None:
    def try_it() -> None:
        with answered_within(5):
            assert ask("SELECT count(*) FROM generate_series(1, 100000)") == 100_000
            assert ask("SELECT 1 FROM pg_sleep(0.3)") == 1

    at_once(1, try_it)


def test_every_request_is_bound_and_nothing_else() -> None:
    seen: list[float | None] = []

    def answer(_: HttpRequest) -> HttpResponse:
        seen.append(most_s())
        return HttpResponse()

    BoundWaitMiddleware(answer)(RequestFactory().get("/"))
    assert [*seen, most_s()] == [settings.DATABASE_ANSWERS_WITHIN_S, None]
