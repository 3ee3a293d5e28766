"""Frozen worlds: the same answers after thawing, from the same APIs; a clear error otherwise."""

import asyncio
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from aiohttp import web

from lab.cli import main
from lab.frozen import World, freeze, read, thaw, write
from lab.jaeger.store import TraceStore
from lab.loki.store import LogStore
from lab.museum import make_museum
from lab.prom.tsdb import STALE, Database
from lab.supervisor.changes import ChangeLog

AT = 1_750_000_000
TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


def shop() -> World:
    database = Database(retention_s=1e9)
    series = database.series("http_requests_total", {"service": "web"})
    for step in range(10):
        series.append((AT + 5 * step) * 1000, float(step * 3))
    series.append((AT + 50) * 1000, STALE)
    logs = LogStore()
    row = {"ts": "2025-06-15T15:06:50.000000Z", "level": "error", "service": "web",
           "instance": "web-1", "message": "boom", "trace_id": TRACE}  # fmt: skip
    logs.add(json.dumps(row))
    traces = TraceStore()
    traces.add(
        "web", "web-1",
        [TRACE, SPAN, "", "GET /", "server", AT * 1_000_000 + 7, 900, 500, "boom", ""],
    )  # fmt: skip
    changes = ChangeLog()
    changes.restore(
        {"id": "chg-1", "at": AT - 60.0, "kind": "deploy", "service": "web", "title": "web 2",
         "actor": "ci", "before": "1", "after": "2", "revision": 2}
    )  # fmt: skip
    return World({"name": "small"}, database, logs, traces, changes)


@pytest.fixture
def museum() -> Iterator[str]:
    """The world, frozen, thawed and served under its name."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def start() -> web.AppRunner:
        thawed = thaw(json.loads(json.dumps(freeze(shop(), since=0))))
        runner = web.AppRunner(make_museum({"small": thawed}))
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return runner

    runner = asyncio.run_coroutine_threadsafe(start(), loop).result(10)
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/small"
    asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)
    loop.close()


def get(url: str, **params: str) -> dict[str, object]:
    answer = httpx2.get(url, params=params, trust_env=False)
    answer.raise_for_status()
    found: dict[str, object] = answer.json()
    return found


def test_any_query_is_answered_as_it_was(museum: str) -> None:
    query = {"query": "increase(http_requests_total[20s])", "time": str(AT + 40)}
    found = get(f"{museum}/api/v1/query", **query)
    assert found["data"] == {
        "resultType": "vector",
        "result": [{"metric": {"service": "web"}, "value": [AT + 40, "12"]}],
    }


def test_a_series_that_ended_has_still_ended(museum: str) -> None:
    found = get(f"{museum}/api/v1/query", query="http_requests_total", time=str(AT + 60))
    assert found["data"] == {"resultType": "vector", "result": []}


def test_logs_traces_and_changes_are_there_and_still_belong_together(museum: str) -> None:
    lines = get(
        f"{museum}/loki/api/v1/query_range",
        query='{service="web"}', start=str(AT), end=str(AT + 1000),
    )  # fmt: skip
    (stream,) = lines["data"]["result"]  # type: ignore[index]  # the shape of Loki's answer
    line = json.loads(stream["values"][0][1])
    trace = get(f"{museum}/api/traces/{line['trace_id']}")
    assert trace["data"][0]["spans"][0]["operationName"] == "GET /"  # type: ignore[index]  # Jaeger's
    changes = get(f"{museum}/changes", since=str(AT - 100), until=str(AT))
    assert changes["changes"][0]["title"] == "web 2"  # type: ignore[index]  # our own answer


def test_freezing_twice_writes_the_same_bytes(tmp_path: Path) -> None:
    write(tmp_path / "a.json.gz", freeze(shop(), since=0))
    write(tmp_path / "b.json.gz", freeze(thaw(read(tmp_path / "a.json.gz")), since=0))
    assert (tmp_path / "a.json.gz").read_bytes() == (tmp_path / "b.json.gz").read_bytes()


def test_what_is_no_world_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "odd.json.gz"
    path.write_text("not compressed")
    assert main(["serve", str(path)]) == 1
    assert f"{path} is not a frozen world" in capsys.readouterr().err
