"""What an action is: its parameters, its limits, and what it asks of a target and a credential."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from typing import Any, TypeGuard

from pydantic import BaseModel, ValidationError

from analysis.types import Mechanism
from remediation.types import Check, Clamp, Decision, ExecutorKind, Reversibility


class UnknownAction(ValueError):
    """Not in the catalogue."""


class BadParameters(ValueError):
    """In the catalogue, but not with these parameters."""


class NotAllowedHere(ValueError):
    """In the catalogue, but this workspace has switched it off or keeps it to other places."""


class Cancel(StrEnum):
    """Until when a stop is certain to stop it."""

    BEFORE_EFFECT = "before_effect"
    DURING = "during"


@dataclass(frozen=True)
class Way:
    """How one kind of target carries the action out, and what its credential must be able to do.

    `verbs` on `resource` are in the words of the target's own permissions. `prechecks` are the
    names of the checks that a dry run there has to report; one left out counts as not content.
    """

    kind: ExecutorKind
    verbs: tuple[str, ...]
    resource: str
    prechecks: frozenset[str] = frozenset()

    @property
    def scope(self) -> str:
        """The credential in words."""
        return f"{', '.join(self.verbs)} on {self.resource}"


@dataclass(frozen=True)
class Limit:
    """What a workspace allows of one action: never more than the catalogue does."""

    is_enabled: bool = True
    maximums: Mapping[str, float] = field(default_factory=dict)
    needs_two: bool = False
    environments: frozenset[str] = frozenset()  # empty: every one

    def __post_init__(self) -> None:
        if not all(math.isfinite(most) for most in self.maximums.values()):
            msg = "a maximum must be a finite number"
            raise ValueError(msg)

    @property
    def floor(self) -> Decision:
        """The least that policy may decide."""
        return Decision.TWO if self.needs_two else Decision.ONE

    def why_not(self, environment: str) -> str:
        """Why it may not be done in this environment, or empty."""
        if not self.is_enabled:
            return "this workspace has switched it off"
        if self.environments and environment not in self.environments:
            allowed = ", ".join(sorted(self.environments))
            return f"this workspace allows it in {allowed} only, not in {environment or 'unknown'}"
        return ""


UNLIMITED = Limit()


@dataclass(frozen=True)
class ActionSpec:
    """One action. Times in seconds."""

    key: str
    version: int
    params: type[BaseModel]
    klass: str
    reversibility: Reversibility  # the best it can promise; the target's own word may lower it
    summary: str
    fits: frozenset[Mechanism]
    signals: frozenset[str]
    forbidden_when: frozenset[Mechanism]
    ways: tuple[Way, ...]
    lease_s: float  # from the intent: longer than a call can take
    cooldown_s: float  # before the same action on the same target
    settle_s: float  # after the effect, before samples count against it
    within_s: int  # by when the alerting metric must have recovered
    timeout_s: float = 20  # one call to the executor
    max_targets: int = 1  # of one approved step; more than it resolves to is an error
    cancel: Cancel = Cancel.BEFORE_EFFECT
    clamps: frozenset[str] = frozenset()  # too high a value is lowered and shown, not refused

    @property
    def kinds(self) -> frozenset[ExecutorKind]:
        return frozenset(way.kind for way in self.ways)

    def way(self, kind: ExecutorKind) -> Way | None:
        return next((way for way in self.ways if way.kind is kind), None)

    def unanswered(self, kind: ExecutorKind, checks: tuple[Check, ...]) -> tuple[str, ...]:
        """The pre-checks that a dry run on this kind of target should have reported and did not."""
        way = self.way(kind)
        needed = way.prechecks if way else frozenset()
        return tuple(sorted(needed - {check.name for check in checks}))

    def parameters(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """The parameters, checked. Raises `BadParameters` with the field and the reason."""
        checked, _ = self.fitted(params, UNLIMITED)
        return checked

    def fitted(
        self, params: Mapping[str, Any], limit: Limit
    ) -> tuple[dict[str, Any], tuple[Clamp, ...]]:
        """The parameters within the catalogue's bounds and the workspace's, and what was lowered.

        Only a number of `clamps` is lowered, and only to the bound; everything else out of
        bounds raises `BadParameters`.
        """
        given, lowered = dict(params), []
        for name, most in self.maximums(limit).items():
            asked = given.get(name)
            if not _is_plain_number(asked, like=most) or asked <= most:
                continue  # left to the model, which refuses what is no such number
            if name not in self.clamps:
                msg = f"{self.key}: {name}: {asked:g} is above {most:g}, the most allowed here"
                raise BadParameters(msg)
            given[name] = most
            lowered.append(Clamp(name, asked, most))
        return self._validated(given), tuple(lowered)

    def maximums(self, limit: Limit = UNLIMITED) -> dict[str, float]:
        """The highest value of each number among the parameters; a whole number for whole ones."""
        found: dict[str, float] = {}
        for name, schema in self.numbers().items():
            bounds = [schema.get("maximum"), limit.maximums.get(name)]
            known = [bound for bound in bounds if bound is not None]
            if known:
                most = min(known)
                found[name] = int(most) if schema["type"] == "integer" else float(most)
        return found

    def numbers(self) -> dict[str, dict[str, Any]]:
        """The JSON schemas of the parameters that are numbers."""
        return {n: s for n, s in properties(self.params).items() if s.get("type") in _NUMBERS}

    def _validated(self, params: Mapping[str, Any]) -> dict[str, Any]:
        try:
            return self.params.model_validate(params).model_dump(exclude_none=True)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(part) for part in first["loc"]) or "parameters"
            msg = f"{self.key}: {where}: {first['msg']}"
            raise BadParameters(msg) from error


_NUMBERS = frozenset({"integer", "number"})
_BEYOND_SENSE = 1e15


def _is_plain_number(value: Any, *, like: float) -> TypeGuard[float]:
    kinds = (int,) if isinstance(like, int) else (int, float)
    is_number = isinstance(value, kinds) and not isinstance(value, bool)
    return is_number and -_BEYOND_SENSE < value < _BEYOND_SENSE


@cache
def properties(params: type[BaseModel]) -> dict[str, dict[str, Any]]:
    """The JSON schema of each parameter; "or nothing" is left out of its type."""
    found = {}
    for name, schema in params.model_json_schema()["properties"].items():
        options = [o for o in schema.get("anyOf", ()) if o != {"type": "null"}]
        found[name] = {**schema, **options[0]} if len(options) == 1 else schema
    return found
