"""Orders by their idempotency key, and every effect that was really applied."""

import asyncio
import time
from dataclasses import dataclass
from typing import Final

from lab.control.errors import Conflict, Invalid
from lab.control.order import Action, Order
from lab.control.plan import Plan, plan, target_of
from lab.jsontypes import JSON
from lab.supervisor import rollout
from lab.supervisor.changes import rfc3339
from lab.supervisor.fleet import Fleet
from lab.supervisor.release import Revision

ANSWER_WITHIN_S: Final = 8.0


@dataclass(slots=True)
class Entry:
    """One order under one key; `work` ends when its effect is complete and the answer settled."""

    key: str
    order: Order
    plan: Plan
    state: str = "in_progress"
    error: str = ""
    work: asyncio.Task[None] | None = None
    answer: JSON | None = None

    def settle(self, state: str, error: str = "") -> None:
        """Fix the answer: whoever asks again is told the same."""
        self.state, self.error = state, error
        self.answer = self.as_json()

    def as_json(self) -> JSON:
        if self.answer is not None:
            return self.answer
        version = self.order.service.resource_version
        body = self.plan.as_json(self.order, key=self.key, state=self.state, version=version)
        return body | {"error": {"code": "failed", "message": self.error}} if self.error else body


class Ledger:
    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._entries: dict[str, Entry] = {}
        self.effects: list[JSON] = []

    def entry(self, key: str) -> Entry | None:
        return self._entries.get(key)

    def replay(self, key: str, fingerprint: str) -> Entry | None:
        """The entry of a key seen before. Raises Invalid if it was used for another body."""
        known = self._entries.get(key)
        if known is not None and known.order.fingerprint != fingerprint:
            raise Invalid("Idempotency-Key", "this key was used with another body")
        return known

    async def carry_out(self, key: str, order: Order) -> Entry:
        """Apply the order once; returns when it is done, or in progress after eight seconds.

        Raises Conflict, and forgets the key, if the service is no longer what was expected.
        """
        entry = Entry(key, order, plan(order))
        check_expected(order)
        self._entries[key] = entry
        entry.work = asyncio.create_task(self._work(entry))
        await wait_for(entry)
        if entry.work.done():
            # Raises what the work raised: a Conflict that only showed once it was its turn.
            entry.work.result()
        return entry

    async def _work(self, entry: Entry) -> None:
        order = entry.order
        async with order.service.lock:
            try:
                check_expected(order)
            except Conflict:
                del self._entries[entry.key]
                raise
            entry.plan = plan(order)
            self.effects.append(
                {
                    "key": entry.key,
                    "action": order.action.value,
                    "service": order.service.name,
                    "at": rfc3339(time.time()),
                }
            )
            try:
                await self._apply(order)
            except OSError as exc:
                entry.settle("failed", str(exc))
                return
            entry.settle("applied")

    async def _apply(self, order: Order) -> None:
        service, params, fleet, actor = order.service, order.params, self._fleet, order.actor
        match order.action:
            case Action.RESTART:
                await rollout.restart(fleet, service, actor=actor)
            case Action.SCALE:
                await rollout.scale(fleet, service, params["replicas"], actor=actor)
            case Action.ROLLBACK:
                target = target_of(service, params)
                number = service.current.number + 1
                revision = Revision(number, target.version, target.config, target.defect)
                title = f"Roll {service.name} back to revision {target.number} ({target.version})"
                await rollout.release(fleet, service, revision, title=title, actor=actor)
            case Action.SET_FLAG:
                rollout.set_flag(fleet, service, params["flag"], value=params["value"], actor=actor)


async def wait_for(entry: Entry) -> None:
    """Wait for the entry's effect, but not for ever."""
    if entry.work is not None:
        await asyncio.wait([entry.work], timeout=ANSWER_WITHIN_S)


def check_expected(order: Order) -> None:
    """Raises Conflict when the service has moved on since the caller looked."""
    service = order.service
    current = {"version": service.resource_version, "generation": service.generation}
    if order.expected_version and order.expected_version != service.resource_version:
        raise Conflict(
            f"{service.name} is at version {service.resource_version}, not"
            f" {order.expected_version}",
            current=current,
        )
    if order.expected_generation not in {None, service.generation}:
        raise Conflict(
            f"{service.name} is at generation {service.generation}, not"
            f" {order.expected_generation}",
            current=current,
        )
