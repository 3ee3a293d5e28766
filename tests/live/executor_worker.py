"""What a forked worker does: commands over a socket, one at a time, on real PostgreSQL.

The clock is the one it is told with each command. It can be stopped at six points and waits there
for word to go on, which may never come:

loaded     the row and its plan are read, the claim looks at nothing yet
looked     the facts of the claim are read, its UPDATE is not sent yet; like `loaded`, this holds
           the turn that claims take, so that no other claim and no edit of the policy gets past
claimed    the intent is committed, the last look is still to come
sending    after the last look, the request is not sent yet
answered   the target has answered, nothing is recorded yet
asked      a probe was answered, nothing is recorded yet
"""

import json
import os
import socket
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from typing import Any, TextIO

from django.contrib.auth.models import User
from django.db import connection, transaction
from django.db.models import F

from airra.lib import clock
from airra.lib.http import HttpClient
from incidents.lifecycle import State
from remediation.commands import stops, sweep
from remediation.commands.acting import execution as acting
from remediation.commands.assessment import policy_of, target_key
from remediation.commands.execution import move
from remediation.commands.proposal import hash_of
from remediation.execution.protocol import Event
from remediation.models import (
    ActionEndpoint,
    Approval,
    Execution,
    KillSwitch,
    Plan,
    Policy,
    Step,
    StepTarget,
)
from remediation.types import ActionRequest, ExecutionState, Mode, Reversibility
from tests.factories import incidents as make
from tests.factories import remediation as factory

WIDE_LIMITS = {"max_actions_nearby": 5, "max_fleet_share": 0.5}


class Line:
    """JSON lines both ways with whoever started us, and the points at which we stop."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._in: TextIO = self._socket.makefile("r", encoding="utf-8")
        self.stop_at = ""
        self.reads = 0  # of the executions' table

    def begin(self, stop_at: str) -> None:
        """A new command: nothing of it has happened yet."""
        self.stop_at = stop_at
        self.reads = 0

    def say(self, **told: Any) -> None:
        self._socket.sendall(json.dumps(told).encode() + b"\n")

    def hear(self) -> dict[str, Any]:
        line = self._in.readline()
        if not line:
            raise SystemExit
        heard: dict[str, Any] = json.loads(line)
        return heard

    def reach(self, point: str) -> None:
        """Stop here if we were told to; the clock may have moved on when we are let go."""
        if point != self.stop_at:
            return
        self.say(at=point)
        word = self.hear()
        self.stop_at = word.get("stop_at", "")
        later = datetime.fromisoformat(word["now"]) - clock.now()
        clock.Hands().advance(seconds=later.total_seconds())


def _stops(line: Line) -> None:
    """Put the points into the ways out: the statements of the claim, and the two calls."""

    def at_statement(execute: Callable[..., Any], sql: str, params: Any, *rest: Any) -> Any:
        if sql.startswith("SELECT") and 'FROM "remediation_execution"' in sql:
            line.reads += 1
            if line.reads == 2:  # the first loads it
                line.reach("loaded")
        if sql.startswith('UPDATE "remediation_execution" SET "state"') and (
            params[0] == ExecutionState.INTENT
        ):
            line.reach("looked")
            transaction.on_commit(lambda: line.reach("claimed"))
        return execute(sql, params, *rest)

    post, get = HttpClient.post_bytes, HttpClient.get

    def stopping_post(*args: Any, **kwargs: Any) -> Any:
        line.reach("sending")
        answer = post(*args, **kwargs)
        line.reach("answered")
        return answer

    def stopping_get(*args: Any, **kwargs: Any) -> Any:
        answer = get(*args, **kwargs)
        line.reach("asked")
        return answer

    connection.execute_wrappers.append(at_statement)
    setattr(HttpClient, "post_bytes", stopping_post)  # noqa: B010 - mypy refuses the plain form
    setattr(HttpClient, "get", stopping_get)  # noqa: B010 - likewise


def _arrange(*, url: str, replicas: list[int]) -> list[dict[str, str]]:
    """Approved executions on one target, each of another incident. The target knows no version."""
    place = make.workspace()
    policy = policy_of(place)
    Policy.objects.update(**WIDE_LIMITS)  # so that the lock of the target is what holds
    endpoint = factory.endpoint(
        place, url=url, secret_ref="shop", timeout_s=20
    )  # a busy machine is no lost answer
    ActionEndpoint.objects.filter(pk=endpoint.pk).update(url=url)  # another run, another target
    by, _ = User.objects.get_or_create(username="rig")
    made = []
    for count in replicas:
        plan = factory.plan(
            make.incident(place=make.workspace(), state=State.EXECUTING),
            endpoint=endpoint,
            state=Plan.State.APPROVED,
            action="scale",
            params={"replicas": count},
            target_id="service/payments",
            target_version="",
            before={"replicas": 2},
            after={"replicas": count},
            reversibility=Reversibility.EXACT_UNDO,
            undo=asdict(ActionRequest("scale", "payments", {"replicas": 2})),
            policy_version=policy.version,
        )
        plan.plan_hash = hash_of(plan)
        plan.save()
        decided = {
            "state": Approval.State.APPROVED,
            "mode": Mode.LIVE,
            "decided_by": by,
            "decided_at": plan.created_at,
        }
        approval = factory.approval(plan, **decided)
        execution = factory.execution(
            approval,
            by=by,
            state=ExecutionState.APPROVED,
            target_key=target_key(endpoint.pk, plan.target_id),
            intent_at=None,
            effect_at=None,
            samples=[],
        )
        made.append({"id": str(execution.pk), "key": execution.idempotency_key})
    return made


def _edit(*, execution_id: str, replicas: int, rehash: bool) -> None:
    """Somebody writes another number into an approved plan; `rehash`: and hides it less badly."""
    plan = _execution(execution_id).plan
    Step.objects.filter(plan=plan).update(params={"replicas": replicas})
    StepTarget.objects.filter(step__plan=plan).update(after={"replicas": replicas})
    if rehash:
        plan.plan_hash = hash_of(plan)
    plan.save()


def _edit_policy() -> None:
    Policy.objects.update(version=F("version") + 1)


def _switch(*, on: bool) -> None:
    """The kill switch of everything, from the shell."""
    if on:
        stops.stop(workspace=None, scope=KillSwitch.Scope.ALL, reason="stop", actor="the test")
        return
    for switch in KillSwitch.objects.on():
        stops.start_again(switch=switch, reason="go on", actor="the test")


def _verdict(*, execution_id: str, event: str) -> None:
    """What verification would say; its metric is not part of this world."""
    move(_execution(execution_id), Event(event), verdict_reason="told by the test")


def _execution(pk: str) -> Execution:

    return Execution.objects.select_related("plan__incident", "approval").get(pk=pk)


def serve(port: int) -> None:

    deeds: dict[str, Callable[..., Any]] = {
        "run": acting.run,
        "probe": acting.probe,
        "sweep": sweep.sweep,
        "arrange": _arrange,
        "edit": _edit,
        "edit_policy": _edit_policy,
        "switch": _switch,
        "verdict": _verdict,
    }
    line = Line(port)
    _stops(line)
    line.say(pid=os.getpid())
    while True:
        word = line.hear()
        line.begin(word.get("stop_at", ""))
        with clock.frozen(datetime.fromisoformat(word["now"])):
            told = deeds[word["do"]](**word.get("with", {}))
        line.stop_at = ""
        line.say(done=True, told=told)
