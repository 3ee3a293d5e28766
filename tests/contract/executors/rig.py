"""What the contract suite needs of a target, so that one set of tests runs on every executor.

`test_contract.py` runs each test on every rig of `rigs.py`, once for each action the rig offers.
A new kind of executor brings a subclass of `Rig` and a line in `rigs.py`, and nothing else: what
its `GUARANTEES` declare false is tested too, for the weaker behaviour that is promised instead.

A rig reads and moves its target behind the executor's back: `state`, `seen` and `move` must not
go through the executor under test. Whatever a rig starts, it ends in `__exit__`; tests start
from a fresh rig each, and leave the target in any state.
"""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from types import TracebackType
from typing import Any, ClassVar, Self
from uuid import uuid4

from remediation.execution.base import Attempt, Effect, Executor
from remediation.types import ActionRequest, ExecutorKind, PlannedAction


class Rig(ABC):
    """One target of one kind, with a request for every action in `actions`."""

    kind: ClassVar[ExecutorKind]
    against: ClassVar[str]  # for the table: "dockerd", "a fake of its API over HTTP"
    actions: ClassVar[tuple[str, ...]]  # all that GUARANTEES names, on at least one rig of a kind
    refusal: ClassVar[str]  # a pattern of what the target says to `refusing`
    quick_s: ClassVar[float] = 0.7  # the time-out of an executor whose answer gets lost

    def __init__(self) -> None:
        self.stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stack.close()

    @abstractmethod
    def executor(self, *, timeout_s: float = 20.0) -> Executor:
        """A new executor on the target."""

    @abstractmethod
    def unreachable(self) -> Executor:
        """The same, but nobody listens where it calls."""

    @abstractmethod
    def request(self, action: str) -> ActionRequest:
        """One that changes something now, not yet aimed: the suite asks `resolve` for a target."""

    @abstractmethod
    def state(self) -> object:
        """Everything the target holds that an action or a dry run could touch, comparable."""

    @abstractmethod
    def seen(self, planned: PlannedAction) -> Mapping[str, Any]:
        """The fields of `planned.before` as they are now.

        Equal to it before the effect, and to `planned.after` after it. Where the diff cannot know
        a value beforehand and names it in words ("new process"), so does this.
        """

    @abstractmethod
    def move(self, planned: PlannedAction) -> None:
        """Change the planned target, as somebody else would, so that the plan is out of date."""

    @abstractmethod
    def losing(self, *, done: bool) -> AbstractContextManager[None]:
        """Inside, nobody answers an effect: `done` says whether the target acted all the same."""

    def late(self, act: Callable[[], None]) -> AbstractContextManager[None] | None:
        """Inside, `act` is done after the executor's last look, before the effect arrives.

        None where nothing can be put in between.
        """
        return None

    @abstractmethod
    def refusing(self) -> AbstractContextManager[Executor]:
        """An executor that may look but not change: its target refuses with `refusal`."""

    @abstractmethod
    def nobody(self) -> ActionRequest:
        """A request whose selector finds no target."""

    def too_many(self) -> ActionRequest | None:
        """One that finds more than it may touch; None where a service is one target always."""
        return None


def attempt(**said: Any) -> Attempt:
    now = time.time()
    fields = {"key": str(uuid4()), "fence": 1, "issued_at": now, "deadline": now + 90, **said}
    return Attempt(**fields)


def aimed(rig: Rig, action: str, executor: Executor | None = None) -> ActionRequest:
    """The rig's request on the first target it resolves to."""
    request = rig.request(action)
    return replace(request, target=(executor or rig.executor()).resolve(request)[0])


def undo_of(planned: PlannedAction, effect: Effect) -> PlannedAction:
    """The undo as it is sent: on the version that the effect left behind."""
    assert planned.undo is not None
    left = str(effect.answer["target"]["version"])
    return replace(planned, request=planned.undo, target_version=left)
