"""Calls to other services: round robin over the addresses the supervisor last told us."""

import asyncio
from collections.abc import Mapping
from types import TracebackType
from typing import Self

import aiohttp

from lab.jsontypes import JSON
from lab.replica.errors import PeerFailed, PeerTimeout
from lab.replica.metrics import Metrics
from lab.replica.tracing import Span, Tracer


class Peers:
    """`timeouts_s` names who may be called and how long an answer may take."""

    def __init__(self, timeouts_s: Mapping[str, float], tracer: Tracer, metrics: Metrics) -> None:
        self._timeouts_s = timeouts_s
        self._tracer = tracer
        self._metrics = metrics
        self._addresses: dict[str, list[str]] = {}
        self._turn = 0
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    def replace(self, addresses: dict[str, list[str]]) -> None:
        self._addresses = addresses

    async def call(self, peer: str, method: str, path: str, body: JSON | None = None) -> JSON:
        """The peer's JSON answer. Raises PeerTimeout or PeerFailed."""
        span = self._tracer.client(peer, f"{method} {path.partition('?')[0]}")
        outcome = "error"
        try:
            answer = await self._send(span, peer, method, path, body)
            outcome = "ok"
        except TimeoutError:
            outcome = "timeout"
            span.error = f"{peer} did not answer within {self._timeouts_s[peer]} s"
            raise PeerTimeout(span.error) from None
        except aiohttp.ClientError as exc:
            span.error = f"{peer}: {exc}"
            raise PeerFailed(span.error) from None
        except PeerFailed as exc:
            span.error = exc.message
            raise
        except asyncio.CancelledError:
            span.error = "cancelled: the caller went away"
            raise
        finally:
            duration_s = self._tracer.finish(span)
            self._metrics.calls.labels(peer, outcome).inc()
            self._metrics.call_duration.labels(peer).observe(duration_s)
        return answer

    async def _send(self, span: Span, peer: str, method: str, path: str, body: JSON | None) -> JSON:
        assert self._session is not None  # noqa: S101 - calls happen inside `async with`
        async with self._session.request(
            method,
            f"http://{self._address(peer)}{path}",
            json=body,
            headers={"traceparent": span.traceparent()},
            timeout=aiohttp.ClientTimeout(total=self._timeouts_s[peer]),
        ) as response:
            span.status = response.status
            answer: JSON = await response.json()
        if response.status >= 400:
            raise PeerFailed(f"{peer} answered {response.status}: {answer.get('error', '')}")
        return answer

    def _address(self, peer: str) -> str:
        known = self._addresses.get(peer)
        if not known:
            raise PeerFailed(f"no endpoint of {peer} is available")
        self._turn += 1
        return known[self._turn % len(known)]
