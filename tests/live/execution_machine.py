"""What may happen to executions on real PostgreSQL, and what must hold after each thing that did.

Two workers, SIGKILL around the effect, people and a clock. `tools/model_check` searches all of the
protocol; here the SQL, the transactions and the HTTP call are real, and the target counts.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from remediation.types import HOLDS_TARGET, ExecutionState
from tests.fakes.executor import Fault
from tests.live.executor_rig import Rig, Worker

T = TypeVar("T")
S = ExecutionState
NO_EFFECT = {S.APPROVED, S.FAILED, S.STALE, S.EXPIRED, S.CANCELLED}
EFFECT = {S.VERIFYING, S.SUCCEEDED, S.INCONCLUSIVE, S.DEVIATED, S.UNDONE}
ENDS = {S.SUCCEEDED, S.INCONCLUSIVE, S.FAILED, S.STALE, S.EXPIRED, S.CANCELLED, S.UNDONE}
APPROVED_REPLICAS = [3, 4]
EDITED_REPLICAS = 9
POINTS = (
    "",
    "loaded",
    "looked",
    "looked",
    "claimed",
    "claimed",
    "sending",
    "sending",
    *["answered"] * 3,
)
FAULTS = (None, None, Fault.LOST_BROKEN, Fault.DONE_BROKEN, Fault.REFUSED)


class Machine(RuleBasedStateMachine):
    """At most two actions on one target at a time; when they have ended, two more."""

    rig: Rig

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[dict[str, Any]] = []
        self.ended: dict[str, str] = {}
        self.killed = False
        self.policy_edited = False
        self.edited: set[str] = set()  # keys of plans that are not what was approved
        self.rehashed: set[str] = set()  # keys of plans whose hash is not what was approved
        self.sent = self.rig.sent()
        self.went_on = ""  # the row whose claim had looked before this rule
        self.may_send = ""  # the key whose worker had passed its last look before this rule
        self.asked: dict[str, datetime] = {}  # when the probe that ends in this rule asked, by row
        self.bring()

    def teardown(self) -> None:
        self.rig.forget()

    # What there is to choose from

    def all(self, *states: ExecutionState) -> list[dict[str, Any]]:
        return [row for row in self.rows if row["state"] in states]

    def due(self) -> list[dict[str, Any]]:
        """Rows in doubt that a probe would ask about now."""
        return [
            row
            for row in self.all(S.UNKNOWN)
            if row["next_check_at"] is None or row["next_check_at"] <= self.rig.now
        ]

    def silent(self) -> bool:
        return any(row["lease_until"] <= self.rig.now for row in self.all(S.INTENT))

    def busy(self) -> bool:
        return bool(self.rig.waiting())

    def possible(self) -> list[str]:
        """What can do something now, as often as it shall be taken."""
        idle, approved = self.rig.idle(), self.all(S.APPROVED)
        at = {worker.at for worker in self.rig.workers}
        is_taken = not at.isdisjoint({"loaded", "looked"})  # the turn of claims: others would wait
        claimable = approved if not is_taken else []
        is_claiming = not at.isdisjoint({"looked", "claimed"})
        flip = bool(approved or self.busy()) + 5 * is_claiming
        if self.killed:
            flip = 1 if is_claiming else 6  # nothing begins until it is off again
        weights = {
            "run": 5 * bool(idle and claimable),
            "run_and_kill": 2 * bool(idle and claimable and not self.killed),
            "change_under_a_claim": 2 * bool(idle and claimable and not self.killed),
            "run_both": len(idle) == 2 and bool(claimable),
            "run_again": bool(idle and not approved),
            "go_on": 4 * self.busy(),
            "kill": self.busy() + bool(at & {"sending", "answered"}),
            "probe": 5 * bool(idle and self.due()),
            "sweep": 5 * bool(idle and self.silent()),
            "later": 4 * bool(self.moments()),
            "outlive_the_approval": bool(approved and self.busy()),
            "edit_plan": bool(approved) + 2 * bool(approved and is_claiming),
            "edit_policy": bool(claimable) and not self.policy_edited,
            "flip_switch": flip,
            "verdict": 5 * bool(self.all(S.VERIFYING)),
            "bring": 8 * (not self.busy() and not self.unfinished()),
        }
        return [name for name, weight in weights.items() for _ in range(weight)]

    @rule(data=st.data())
    def something(self, data: st.DataObject) -> None:
        """One rule that chooses evenly: of many, Hypothesis leaves some out for a whole run."""
        self.data = data
        getattr(self, data.draw(st.sampled_from(self.possible()), "deed"))()

    def one(self, found: Sequence[T]) -> T:
        return found[self.data.draw(st.sampled_from(range(len(found))), "which")]

    # What workers do

    def run(self) -> None:
        row, stop_at = self.one(self.all(S.APPROVED)), self.one(POINTS)
        self.rig.target.fault = self.one(FAULTS)
        self.rig.idle()[0].ask("run", stop_at=stop_at, execution_id=row["id"])

    def run_again(self) -> None:
        """The message comes once more."""
        self.rig.idle()[0].ask("run", execution_id=self.one(self.rows)["id"])

    def run_both(self) -> None:
        """The same message to both at the same time."""
        row = self.one(self.all(S.APPROVED))
        self.rig.target.fault = self.one(FAULTS)
        for worker in self.rig.workers:
            worker.tell("run", execution_id=row["id"])
        for worker in self.rig.workers:
            worker.wait()
        self.rig.counts["races"] += 1

    def run_and_kill(self) -> None:
        """SIGKILL around the effect: before it is sent, after its answer, or in between.

        In between the target has done it and holds its answer.
        """
        worker, row = self.rig.idle()[0], self.one(self.all(S.APPROVED))
        point = self.one(("sending", "held", "answered"))
        if point == "held":
            is_there = self.rig.runs_into_silence(worker, row["id"])
        else:
            self.rig.target.fault = self.one(FAULTS)
            worker.ask("run", stop_at=point, execution_id=row["id"])
            is_there = worker.at == point
        if is_there:
            self.rig.kill(worker)
            self.rig.counts[f"killed at {point}"] += 1

    def change_under_a_claim(self) -> None:
        """The switch goes on, or the plan is edited, after a look or after a claim."""
        worker, row = self.rig.idle()[0], self.one(self.all(S.APPROVED))
        point = self.one(("looked", "claimed"))
        worker.ask("run", stop_at=point, execution_id=row["id"])
        self.check()
        if worker.at != point:
            return
        if point == "looked" and row["kind"] == "apply" and self.one((False, True)):
            self.write_into(row, rehash=True)
        else:
            self.flip_switch()
        self.check()
        self.let_go(worker)

    def go_on(self) -> None:
        self.let_go(self.one(self.rig.waiting()))

    def let_go(self, worker: Worker) -> None:
        at, row = worker.at, self.row_of(worker)
        if at == "sending":
            self.may_send = row["key"]
        if at == "asked":
            self.asked[worker.row] = worker.asked_at
        self.rig.target.fault = self.one(FAULTS)
        worker.go(stop_at=self.one(POINTS))
        self.went_on = worker.row if at == "looked" else ""
        if at == "sending" and row["state"] != S.INTENT:
            self.rig.counts["requests that were late"] += 1

    def kill(self) -> None:
        worker = self.one(self.rig.waiting())
        self.rig.counts[f"killed at {worker.at}"] += 1
        self.rig.kill(worker)

    def probe(self) -> None:
        worker, row = self.rig.idle()[0], self.one(self.due())
        self.asked[row["id"]] = worker.asked_at = self.rig.now
        worker.ask("probe", stop_at=self.one(("", "", "asked")), execution_id=row["id"])

    def sweep(self) -> None:
        self.rig.idle()[0].ask("sweep")

    # What the clock and people do

    def moments(self) -> list[datetime]:
        """When something begins or ends, and a second beside it."""
        return sorted(
            at
            for row in self.all(S.INTENT, S.UNKNOWN)
            for name in ("lease_until", "next_check_at", "quarantine_until")
            for beside in (-1, 0, 1)
            if row[name] and (at := row[name] + timedelta(seconds=beside)) > self.rig.now
        )

    def later(self) -> None:
        self.rig.now = self.one(self.moments())

    def outlive_the_approval(self) -> None:
        self.rig.now += timedelta(minutes=27)

    def edit_plan(self) -> None:
        """Somebody writes another number into an approved plan, or the right one again."""
        rows = [row for row in self.all(S.APPROVED) if row["kind"] == "apply"]
        if not rows:
            return
        self.write_into(self.one(rows), rehash=self.one((False, True)))

    def write_into(self, row: dict[str, Any], *, rehash: bool) -> None:
        key, right = row["key"], self.approved[row["key"]]
        replicas = right if key in self.edited else EDITED_REPLICAS
        told = {"execution_id": row["id"], "replicas": replicas, "rehash": rehash}
        self.rig.office.ask("edit", **told)
        (self.edited.discard if replicas == right else self.edited.add)(key)
        if rehash:
            (self.rehashed.discard if replicas == right else self.rehashed.add)(key)

    def edit_policy(self) -> None:
        self.policy_edited = True
        self.rig.office.ask("edit_policy")

    def flip_switch(self) -> None:
        self.killed = not self.killed
        self.rig.office.ask("switch", on=self.killed)

    def verdict(self) -> None:
        row, event = self.one(self.all(S.VERIFYING)), self.one(("match", "unproven", "deviation"))
        self.rig.office.ask("verdict", execution_id=row["id"], event=event)

    def bring(self) -> None:
        """Two approved actions, under the policy of now and an open switch, on another day."""
        self.rig.now += timedelta(days=1)  # the limits of what may be done in a time do not count
        self.killed = self.policy_edited = False
        self.rig.office.ask("switch", on=False)
        made = self.rig.office.ask("arrange", url=self.rig.target.url, replicas=APPROVED_REPLICAS)
        self.ids = [row["id"] for row in made]
        self.approved = {r["key"]: n for r, n in zip(made, APPROVED_REPLICAS, strict=True)}
        self.ended, self.edited, self.rehashed = {}, set(), set()
        self.rows = self.rig.rows(self.ids)
        self.rig.counts["actions"] += 2

    def unfinished(self) -> bool:
        return any(row["state"] not in ENDS | {S.DEVIATED} for row in self.rows)

    def row_of(self, worker: Worker) -> dict[str, Any]:
        return next(row for row in self.rows if row["id"] == worker.row)

    # What must hold after every rule

    @invariant()
    def every_promise_is_kept(self) -> None:
        self.check()

    def check(self) -> None:
        before = {row["id"]: row for row in self.rows}
        self.rows = self.rig.rows(self.ids)
        sent, effects = self.rig.sent(), self.rig.effects()
        holding = [r["key"] for r in self.rows if r["state"] in HOLDS_TARGET]
        assert len(holding) <= 1, f"{holding} hold one target"
        for row in self.rows:
            key, state = row["key"], row["state"]
            was = before.get(row["id"], {**row, "state": S.APPROVED, "fence": 0})
            self.count(was, row)
            assert sent[key] <= 1, f"{key} was sent {sent[key]} times"
            assert effects[key] <= 1, f"{key} had {effects[key]} effects"
            assert not (effects[key] and state in NO_EFFECT), f"{state}, but there was an effect"
            assert effects[key] or state not in EFFECT, f"{state}, but there was no effect"
            assert not self.killed or sent[key] == self.sent[key] or key == self.may_send, (
                "sent with the kill switch on"
            )
            self.only_what_was_approved(row, effects[key])
            self.only_when_it_may_begin(was, row)
            end = self.ended.setdefault(row["id"], state) if state in ENDS else state
            assert self.ended.get(row["id"], end) == state, f"{end} was not the end"
        self.sent, self.may_send, self.went_on, self.asked = sent, "", "", {}

    def count(self, was: dict[str, Any], row: dict[str, Any]) -> None:
        state = row["state"]
        is_told = was["state"] == S.UNKNOWN and row["id"] in self.asked
        happened = {
            "claims": row["fence"] and not was["fence"],
            "claims stopped in the UPDATE": row["id"] == self.went_on and not row["fence"],
            "stopped by the last look": was["state"] == S.INTENT and state == S.CANCELLED,
            "unknown": state == S.UNKNOWN != was["state"],
            "claims made void": state == S.STALE and not row["fence"] and was["state"] != state,
            "found by a probe": is_told and state in (S.VERIFYING, S.SUCCEEDED),
            "absent by a probe": is_told and state == S.FAILED,
            "undone": state == S.UNDONE != was["state"],
        }
        self.rig.counts.update(name for name, has in happened.items() if has)
        if happened["absent by a probe"]:
            asked = self.asked[row["id"]]
            assert asked >= row["quarantine_until"], "absent was concluded while it could land"

    def only_what_was_approved(self, row: dict[str, Any], effects: int) -> None:
        if effects and row["kind"] == "apply":
            done = self.rig.target.answers[row["key"]]["diff"]["after"]
            assert done == {"replicas": self.approved[row["key"]]}, f"did {done}"

    def only_when_it_may_begin(self, was: dict[str, Any], row: dict[str, Any]) -> None:
        """Whatever was edited or switched is so since the rule before; nothing is claimed after it.

        An edit that leaves the hash of the plan's row alone does not stop a claim that has read the
        plan before; what it sends is what it had read, and that is compared above.
        """
        if not row["fence"] or was["fence"]:
            return
        assert not self.killed, "claimed with the kill switch on"
        if row["kind"] == "apply":
            assert row["key"] not in self.rehashed, "claimed though its plan was edited"
            assert not self.policy_edited, "claimed though its policy was edited"
