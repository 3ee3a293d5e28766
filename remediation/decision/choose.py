"""From an explanation to ranked actions: a closed table over what the target says of itself.

Pure. Texts of changes and hypotheses are untrusted: they only ever select among flags that the
target lists, they never become a parameter by themselves.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from analysis.types import Mechanism
from remediation.decision.catalog import CATALOG, MAX_REPLICAS, request_of
from remediation.types import ActionRequest

_RESTART_SIGNALS = CATALOG["restart"].signals
_CRASH_SIGNALS = frozenset({"restarts", "availability"})
_GROWTH = 2  # halves the share each replica carries
_TRUE = frozenset({"true", "on", "1", "enabled", "yes"})
_FALSE = frozenset({"false", "off", "0", "disabled", "no"})
# Words by which teams name a call they can do without.
_OPTIONAL_CALL = frozenset(
    {"check", "verify", "score", "enrich", "recommend", "suggest", "lookup", "notify", "fetch"}
)
_COMMON = frozenset({"service", "enabled", "flag", "call", "calls", "use", "with", "the", "and"})


class Target(Protocol):
    """What choosing needs to know of the service as it is now."""

    @property
    def name(self) -> str: ...
    @property
    def replicas(self) -> int: ...
    @property
    def flags(self) -> Mapping[str, bool]: ...


@dataclass(frozen=True)
class Cause:
    """What a hypothesis says, as far as choosing needs it. `trigger` is a change fact or empty."""

    entity: str
    mechanism: Mechanism
    signal: str = ""
    trigger: Mapping[str, Any] = field(default_factory=dict)
    path: tuple[str, ...] = ()
    statement: str = ""

    @property
    def change(self) -> str:
        """The kind of the triggering change when it happened to this entity, else empty."""
        on_entity = self.trigger.get("entity", self.entity) == self.entity
        return str(self.trigger.get("change", "")) if on_entity else ""


@dataclass(frozen=True)
class Candidate:
    request: ActionRequest
    reason: str


@dataclass(frozen=True)
class Choice:
    """Candidates in the order to try them; when there is none, `why_none` says why."""

    candidates: tuple[Candidate, ...]
    why_none: str = ""


def choose(cause: Cause, target: Target) -> Choice:
    """Ranked actions on `target` against `cause`. Never more than one of a kind."""
    found: list[Candidate] = []
    for rule in (_undo_flag, _undo_change, _switch_off, _grow, _restart):
        candidate = rule(cause, target)
        if candidate and cause.mechanism not in CATALOG[candidate.request.action].forbidden_when:
            found.append(candidate)
    if found:
        return Choice(tuple(found))
    return Choice((), why_none=_why_none(cause, target))


def _undo_flag(cause: Cause, target: Target) -> Candidate | None:
    if cause.change != "flag":
        return None
    text = " ".join(str(cause.trigger.get(k, "")) for k in ("title", "before", "after", "id"))
    flag = _named_flag(text, target.flags)
    if flag is None:
        return None
    before = _truth(str(cause.trigger.get("before", "")), flag)
    wanted = (not target.flags[flag]) if before is None else before
    if wanted == target.flags[flag]:
        return None
    return _candidate(
        "set_flag",
        target,
        f"flag {flag} of {target.name} was changed just before; this puts it back",
        flag=flag,
        value=wanted,
    )


def _undo_change(cause: Cause, target: Target) -> Candidate | None:
    if cause.change not in {"deploy", "config"}:
        return None
    fits = cause.mechanism in CATALOG["rollback"].fits or cause.signal in _CRASH_SIGNALS
    if not fits:
        return None
    what = str(cause.trigger.get("revision", "")) or "the change"
    return _candidate(
        "rollback", target, f"{cause.change} {what[:60]} of {target.name} came just before"
    )


def _switch_off(cause: Cause, target: Target) -> Candidate | None:
    if cause.mechanism not in {Mechanism.EXTERNAL, Mechanism.DEPENDENCY, Mechanism.NETWORK}:
        return None
    flag = _related_flag(cause, target)
    if flag is None:
        return None
    return _candidate(
        "set_flag",
        target,
        f"{target.name} waits for something outside it; {flag} makes that call optional",
        flag=flag,
        value=False,
    )


def _grow(cause: Cause, target: Target) -> Candidate | None:
    by_traffic = cause.mechanism is Mechanism.TRAFFIC or (
        cause.mechanism is Mechanism.SATURATION and cause.signal == "traffic"
    )
    if not by_traffic or target.replicas < 1:
        return None
    wanted = min(target.replicas * _GROWTH, MAX_REPLICAS)
    if wanted <= target.replicas:
        return None
    return _candidate(
        "scale",
        target,
        f"more traffic than {target.replicas} replicas of {target.name} carry",
        replicas=wanted,
    )


def _restart(cause: Cause, target: Target) -> Candidate | None:
    if cause.mechanism is Mechanism.LEAK:
        return _candidate("restart", target, f"{target.name} leaks; a restart frees what it holds")
    stuck = cause.mechanism in {Mechanism.SATURATION, Mechanism.JOB}
    if stuck and cause.signal in _RESTART_SIGNALS:
        return _candidate(
            "restart", target, f"{cause.signal} of {target.name} is exhausted; a restart clears it"
        )
    if cause.signal in _CRASH_SIGNALS and cause.change not in {"deploy", "config", "flag"}:
        return _candidate("restart", target, f"{target.name} keeps failing without a change")
    return None


def _candidate(action: str, target: Target, reason: str, **params: Any) -> Candidate:
    return Candidate(request_of(action, target.name, params), reason)


def _tokens(text: str) -> frozenset[str]:
    return frozenset(w for w in re.findall(r"[a-z]{3,}", text.lower()) if w not in _COMMON)


def _named_flag(text: str, flags: Mapping[str, bool]) -> str | None:
    """The listed flag whose whole name stands in the text; the longest one wins."""
    named = [f for f in flags if re.search(rf"(?<![\w.-]){re.escape(f)}(?![\w-])", text)]
    return max(named, key=lambda f: (len(f), f), default=None)


def _truth(text: str, flag: str) -> bool | None:
    """What `text` says the flag was: the last true or false word after its name, if any."""
    words = re.findall(r"[a-z0-9]+", text.replace(flag, " ").lower())
    for word in reversed(words):
        if word in _TRUE | _FALSE:
            return word in _TRUE
    return None


def _related_flag(cause: Cause, target: Target) -> str | None:
    """The switched-on flag that the explanation names, or that names an optional call.

    None without such a word, and none when two fit equally well: then a person has to choose.
    """
    others: Sequence[str] = [name for name in cause.path if name != target.name]
    said = _tokens(" ".join([*others, cause.entity, cause.statement])) - _tokens(target.name)

    def fit(flag: str) -> int:
        words = _tokens(flag)
        return 2 * len(words & said) + bool(words & _OPTIONAL_CALL)

    ranked = sorted(((fit(f), f) for f, is_on in target.flags.items() if is_on), reverse=True)
    is_clear = ranked and ranked[0][0] > 0 and (len(ranked) == 1 or ranked[0][0] > ranked[1][0])
    return ranked[0][1] if is_clear else None


def _why_none(cause: Cause, target: Target) -> str:
    signal = f" ({cause.signal})" if cause.signal else ""
    if cause.mechanism in {Mechanism.EXTERNAL, Mechanism.DEPENDENCY, Mechanism.NETWORK}:
        return (
            f"{target.name} waits for something outside it{signal} and has no switched-on flag "
            "that makes this call optional"
        )
    return f"no action of the catalogue fits {cause.mechanism}{signal} on {target.name}"
