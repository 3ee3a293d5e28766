"""Real processes and real servers: the stack on both of its shapes."""

import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import redis

from tests.live.databases import own_database
from tests.live.receiving import DATABASES, Airra, running
from tools.stack import Stack

REDIS = os.environ.get("AIRRA_TEST_REDIS", "")  # noqa: TID251 - where the script found it


@pytest.fixture
def postgres_url() -> Iterator[str]:
    """A database of its own, dropped afterwards."""
    with own_database() as url:
        yield url


@pytest.fixture
def redis_url(worker_id: str) -> Iterator[str]:
    """A Redis database number nobody else uses, emptied before and after.

    One for each worker of the test run, and one for a run without workers beside it: two
    installations on one broker steal each other's jobs.
    """
    base = urlsplit(REDIS)
    number = 9 if worker_id == "master" else 10 + int(worker_id.removeprefix("gw"))
    url = f"redis://{base.netloc}/{number}"
    client = redis.Redis.from_url(url)
    client.flushdb()
    yield url
    client.flushdb()
    client.close()


@pytest.fixture
def stack(tmp_path: Path, postgres_url: str, redis_url: str) -> Iterator[Stack]:
    """Web, worker and beat as separate processes on PostgreSQL and Redis; nothing started yet."""
    with Stack(var=tmp_path, database_url=postgres_url, redis_url=redis_url) as running:
        running.settings = {"AIRRA_SWEEP_INTERVAL_S": "2", "AIRRA_SCAN_INTERVAL_S": "15"}
        yield running


@pytest.fixture(scope="session", params=DATABASES)
def airra(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Airra]:
    """AIRRA with an integration of every kind, on each of the two databases."""
    with running(request.param, tmp_path_factory.mktemp(request.param)) as started:
        yield started
