"""A PostgreSQL that is cut off, or that takes every byte and answers none."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import psycopg
import pytest

from tests.live.far_away import Cable, far_away, why_not
from tests.live.test_alertmanager import hook_of
from tests.live.test_hung_redis import body_of
from tools.stack import Stack, wait_for

pytestmark = pytest.mark.live

_THREADS = 4  # of the web process
_AT_LAST_S = 60  # TCP itself gives up after a quarter of an hour, a stopped process never


@pytest.fixture
def cable(postgres_url: str) -> Iterator[Cable]:
    if why := why_not():
        pytest.skip(f"no cable can be pulled: {why}")
    with far_away(postgres_url) as laid:
        yield laid


@pytest.fixture
def running(tmp_path: Path, cable: Cable, redis_url: str) -> Iterator[Stack]:
    with Stack(var=tmp_path, database_url=cable.url, redis_url=redis_url) as stack:
        stack.settings = {"AIRRA_SWEEP_INTERVAL_S": "2", "AIRRA_SCAN_INTERVAL_S": "60"}
        stack.prepare()
        stack.start_airra()
        yield stack


class Sender:
    def __init__(self, stack: Stack) -> None:
        self.hook, self.token = hook_of(stack), stack.token("hook")

    def deliver(self, number: int) -> int:
        answer = httpx2.post(
            self.hook,
            content=body_of(number),
            headers={
                "Authorization": f"Bearer {self.token}",
                "Content-Type": "application/json",
            },
            trust_env=False,
            timeout=120,
        )
        return answer.status_code


@pytest.mark.parametrize(("fail", "mend"), [(Cable.pull, Cable.plug_in), (Cable.stop, Cable.go_on)])
def test_every_thread_is_free_again(
    running: Stack,
    cable: Cable,
    postgres_url: str,
    fail: Callable[[Cable], None],
    mend: Callable[[Cable], None],
) -> None:
    sender = Sender(running)

    def came(*numbers: int) -> bool:
        with psycopg.connect(postgres_url) as connection:
            told = "SELECT dedup_key FROM incidents_alert WHERE dedup_key LIKE 'frozen-%'"
            found = {str(row[0]) for row in connection.execute(told)}
        return {f"frozen-{number}" for number in numbers} <= found

    with ThreadPoolExecutor(_THREADS) as senders:
        assert list(senders.map(sender.deliver, range(4))) == [202] * 4
        wait_for("the first", lambda: came(0, 1, 2, 3), within_s=30)
        fail(cable)
        begun = time.monotonic()
        said = list(senders.map(sender.deliver, range(4, 8)))
        assert said == [503] * 4
        assert time.monotonic() - begun < _AT_LAST_S
        assert httpx2.get(f"{running.url}/health", trust_env=False, timeout=5).is_success
        mend(cable)

        def are_taken() -> bool:
            return set(senders.map(sender.deliver, range(4, 8))) <= {200, 202}

        wait_for("answers", are_taken, within_s=90)
        wait_for("all of them", lambda: came(4, 5, 6, 7), within_s=90)
