"""A Redis that neither answers nor refuses, as behind a cut network or on a frozen machine."""

import json
import signal
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import psycopg
import pytest
import redis

from tests.live.test_alertmanager import hook_of
from tools.stack import Stack, free_port, wait_for

pytestmark = pytest.mark.live

_WITHIN_S = 10  # what the shortest of senders wait, such as GitHub


@pytest.fixture
def frozen_by() -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """The address of a Redis of the test's own, and its process."""
    port = free_port()
    process = subprocess.Popen(
        ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", ""],
        stdout=subprocess.DEVNULL,
    )
    url = f"redis://127.0.0.1:{port}/0"

    def is_up() -> bool:
        try:
            return bool(redis.Redis.from_url(url).ping())
        except redis.ConnectionError:
            return False

    try:
        wait_for("Redis", is_up, within_s=20)
        yield url, process
    finally:
        process.send_signal(signal.SIGCONT)
        process.kill()
        process.wait()


def body_of(number: int) -> bytes:
    """Of a delivery with one alert, whose key tells its number."""
    alert = {
        "status": "firing",
        "labels": {"alertname": "Frozen", "service": "shop", "number": str(number)},
        "annotations": {},
        "startsAt": "2026-11-01T10:00:00Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "fingerprint": f"frozen-{number}",
    }
    body = {"version": "4", "groupKey": str(number), "status": "firing", "alerts": [alert]}
    return json.dumps(body).encode()


def _deliver(hook: str, token: str, number: int) -> int:
    answer = httpx2.post(
        hook,
        content=body_of(number),
        headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
        trust_env=False,
        timeout=_WITHIN_S,
    )
    return answer.status_code


def test_deliveries_are_taken_while_redis_hangs_and_read_after_it(
    tmp_path: Path, postgres_url: str, frozen_by: tuple[str, subprocess.Popen[bytes]]
) -> None:
    redis_url, process = frozen_by
    with Stack(var=tmp_path, database_url=postgres_url, redis_url=redis_url) as stack:
        stack.settings = {"AIRRA_SWEEP_INTERVAL_S": "2", "AIRRA_SCAN_INTERVAL_S": "60"}
        stack.prepare()
        stack.start_airra()
        hook, token = hook_of(stack), stack.token("hook")

        def came() -> int:
            with psycopg.connect(postgres_url) as connection:
                told = "SELECT count(*) FROM incidents_alert WHERE dedup_key LIKE 'frozen-%'"
                row = connection.execute(told).fetchone()
            return int(row[0]) if row else 0

        assert _deliver(hook, token, 0) == 202
        wait_for("the first", lambda: came() == 1, within_s=30)
        process.send_signal(signal.SIGSTOP)
        with ThreadPoolExecutor(8) as senders:
            said = list(senders.map(lambda number: _deliver(hook, token, number), range(1, 41)))
        assert said == [202] * 40
        assert httpx2.get(f"{stack.url}/health", trust_env=False, timeout=_WITHIN_S).is_success
        process.send_signal(signal.SIGCONT)
        wait_for("the others", lambda: came() == 41, within_s=60)
