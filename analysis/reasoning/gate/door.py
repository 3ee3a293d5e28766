"""The one door to a model, for one investigation.

Every attempt of either SDK, retries included, walks through in this order: wire check, budget,
record (in a replay), send, reconcile, audit. A refusal answers 403 by itself and is never retried;
`guard` turns whatever the SDK made of it back into the reason.
"""

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from types import TracebackType

from airra.lib import wire
from airra.lib.wire import Incoming, Outgoing
from analysis.reasoning.gate import usage
from analysis.reasoning.gate.budget import Budget, Ceilings, Purse
from analysis.reasoning.gate.cassette import Cassette
from analysis.reasoning.gate.estimate import estimate, is_billed
from analysis.reasoning.gate.leave import visible
from analysis.reasoning.gate.pseudonyms import Pseudonyms
from analysis.reasoning.gate.stops import LeakStopped, Stopped
from analysis.reasoning.gate.wirecheck import WireCheck
from analysis.types import (
    Call,
    CallStatus,
    LeavePolicy,
    LedgerEntry,
    ProviderConfig,
    Recorded,
    Tokens,
)

_KEPT_HEADERS = frozenset(
    {
        "content-type",
        "content-encoding",
        "request-id",
        "x-request-id",
        "retry-after",
        "retry-after-ms",
        "x-should-retry",
    }
)
_OK = range(200, 300)


class Gate:
    """What leaves for one investigation, over all its providers and threads.

    `on_call` is told of every attempt, also refused ones, before the SDK sees the end of it; what
    it raises stops the answer. `policies` say what may leave, by the name of the source. `now`
    gives Unix seconds.
    """

    def __init__(
        self,
        *,
        pseudonyms: Pseudonyms | None = None,
        budget: Budget | None = None,
        on_call: Callable[[Call], None] = lambda _: None,
        cassette: Cassette | None = None,
        policies: Mapping[str, LeavePolicy] | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.pseudonyms = pseudonyms or Pseudonyms()
        self.wire_check = WireCheck(self.pseudonyms)
        self.budget: Budget = budget or Purse(Ceilings(), now)
        self.cassette = cassette
        self.policies = dict(policies or {})
        self.stopped: Stopped | None = None
        self.on_call, self.now = on_call, now

    def hide(self, text: str) -> str:
        return self.pseudonyms.hide(text)

    def show(self, text: str) -> str:
        return self.pseudonyms.show(text)

    def visible(self, entry: LedgerEntry) -> LedgerEntry:
        """A ledger entry as it may leave, by the policy of its source."""
        return visible(entry, self.policies)

    def http_client(
        self, provider: ProviderConfig, *, sdk: str = "", prompt_version: str = ""
    ) -> wire.Client:
        """A client for this provider's SDK; the only way out. `sdk` is its name and version."""
        door = _Door(self, provider, sdk, prompt_version)
        return wire.client(door, timeout_s=provider.timeout_s)

    def guard(self) -> "Guard":
        """`with gate.guard(): client.messages.create(…)` raises `Stopped`, not the SDK's error."""
        return Guard(self)


class Guard:
    """Clears the last refusal on entry; on an error, raises the refusal that caused it."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def __enter__(self) -> None:
        self._gate.stopped = None

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None and self._gate.stopped is not None:
            raise self._gate.stopped from error


class _Door:
    def __init__(self, gate: Gate, provider: ProviderConfig, sdk: str, prompt_version: str) -> None:
        self.gate, self.provider = gate, provider
        self.sdk, self.prompt_version = sdk, prompt_version

    def enter(self, outgoing: Outgoing) -> "_Passage":
        passage = _Passage(self, outgoing)
        try:
            passage.check()
        except Stopped as stop:
            self.gate.stopped = stop
            passage.refuse(stop)
        return passage


class _Passage:
    """One attempt: from the wire check to the audit record."""

    def __init__(self, door: _Door, outgoing: Outgoing) -> None:
        self._door, self._gate, self._outgoing = door, door.gate, outgoing
        self._estimate = estimate(outgoing, door.provider.price)
        self._started_at, self._clock = door.gate.now(), time.monotonic()
        self._ticket: str | None = None
        self.ready: Incoming | None = None

    @property
    def seconds_left(self) -> float:
        return self._gate.budget.seconds_left()

    def check(self) -> None:
        """Raises `Stopped` when nothing may be sent; sets `ready` in a replay."""
        kinds = self._gate.wire_check.objections(self._outgoing.body)
        if kinds:
            msg = f"the request held {', '.join(kinds)}: nothing was sent"
            raise LeakStopped(msg)
        if is_billed(self._outgoing):
            self._ticket = self._gate.budget.reserve(self._estimate)
        if self._gate.cassette is not None:
            self.ready = self._gate.cassette.play(self._outgoing)
            self._close(self.ready, CallStatus.REPLAYED)

    def refuse(self, stop: Stopped) -> None:
        """Answer by ourselves, in the form both vendors give errors."""
        error = {"type": "permission_error", "message": f"AIRRA's gate: {stop}"}
        body = json.dumps({"type": "error", "error": error}).encode()
        headers = {"content-type": "application/json", "x-should-retry": "false"}
        self.ready = Incoming(403, headers, body)
        self._give_back()
        self._tell(CallStatus.BLOCKED, str(stop), Tokens(), 0.0, usage.NOTHING, None)

    def ended(self, incoming: Incoming) -> None:
        """The vendor answered, or the connection broke."""
        self._close(incoming, CallStatus.SENT)

    def _close(self, incoming: Incoming, status: CallStatus) -> None:
        reading = usage.read(incoming)
        reason = incoming.error
        if incoming.status not in _OK:
            reason = reason or f"the API answered {incoming.status}"
        is_broken = incoming.status not in _OK or not (reading.is_whole or self._is_free)
        if is_broken and status is CallStatus.SENT:
            status, reason = CallStatus.FAILED, reason or "the answer broke off"
        tokens = self._used(incoming, reading)
        cost = usage.cost_usd(self._door.provider.price, tokens)
        if self._ticket is not None:
            is_turn = incoming.status in _OK
            self._gate.budget.reconcile(self._ticket, tokens, cost, is_turn=is_turn)
            self._ticket = None
        self._tell(status, reason, tokens, cost, reading, incoming)

    @property
    def _is_free(self) -> bool:
        return not is_billed(self._outgoing)

    def _used(self, incoming: Incoming, reading: usage.Reading) -> Tokens:
        """As told. Of an answer that broke off, the dearest it can have been is charged."""
        if incoming.status not in _OK or self._is_free:
            return Tokens()  # errors are not billed
        told = reading.tokens
        if told is None:
            return Tokens(input=self._estimate.input_tokens, output=self._estimate.output_tokens)
        if reading.is_whole:
            return told
        output = max(told.output, self._estimate.output_tokens)
        return Tokens(told.input, output, told.cache_read, told.cache_write)

    def _give_back(self) -> None:
        if self._ticket is not None:
            self._gate.budget.reconcile(self._ticket, Tokens(), 0.0, is_turn=False)
            self._ticket = None

    def _tell(
        self,
        status: CallStatus,
        reason: str,
        tokens: Tokens,
        cost: float,
        reading: usage.Reading,
        incoming: Incoming | None,
    ) -> None:
        door, outgoing = self._door, self._outgoing
        self._gate.on_call(
            Call(
                provider=door.provider.name,
                model=door.provider.model,
                sdk=door.sdk,
                prompt_version=door.prompt_version,
                started_at=self._started_at,
                latency_ms=round((time.monotonic() - self._clock) * 1000),
                status=status,
                reason=reason[:4000],
                request_sha=hashlib.sha256(outgoing.body).hexdigest(),
                tokens=tokens,
                cost_usd=cost,
                is_priced=door.provider.price is not None,
                stop_reason=reading.stop_reason,
                request_id=reading.request_id,
                recorded=_recorded(outgoing, incoming) if incoming else None,
            )
        )


def _recorded(outgoing: Outgoing, incoming: Incoming) -> Recorded:
    kept = {
        name.lower(): value
        for name, value in incoming.headers.items()
        if name.lower() in _KEPT_HEADERS
    }
    return Recorded(
        outgoing.method,
        outgoing.path,
        outgoing.body,
        incoming.status,
        kept,
        incoming.body,
        incoming.error,
    )
