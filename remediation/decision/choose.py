"""From an explanation to ranked actions: a closed table over what the target says of itself.

Pure. Texts of changes and hypotheses are untrusted: they only ever select among flags that the
target lists, they never become a parameter by themselves. What needs a name from inside the target
(a backend, a server, a node) comes as an offer of the endpoint, checked like any other request.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from analysis.types import Mechanism
from remediation.decision.catalog import (
    CATALOG,
    UNLIMITED,
    BadParameters,
    Limit,
    cards_for,
    request_of,
)
from remediation.types import ActionRequest

_RESTART_SIGNALS = CATALOG["restart"].signals
_FROM_OUTSIDE = frozenset({Mechanism.EXTERNAL, Mechanism.DEPENDENCY, Mechanism.NETWORK})
# What an endpoint can do that does not say: the four actions of the webhook.
_BY_DEFAULT = frozenset({"restart", "scale", "rollback", "set_flag"})
# Which need a name or a number that only the target knows, in the order to try them.
_OFFERED_FIRST = ("end_query", "drain", "cordon")
_OFFERED_LAST = ("resize",)
_ANSWERS = {"memory": "memory_mb", "cpu": "cpus"}  # what such a signal wants changed, if anything
_CRASH_SIGNALS = frozenset({"restarts", "availability"})
_GROWTH = 2  # halves the share each replica carries
_TRUE = frozenset({"true", "on", "1", "enabled", "yes"})
_FALSE = frozenset({"false", "off", "0", "disabled", "no"})
# Words by which teams name a call they can do without.
_OPTIONAL_CALL = frozenset(
    {"check", "verify", "score", "enrich", "recommend", "suggest", "lookup", "notify", "fetch"}
)
_COMMON = frozenset({"service", "enabled", "flag", "call", "calls", "use", "with", "the", "and"})


class Offered(Protocol):
    """An action with parameters that the target's own state suggests."""

    @property
    def action(self) -> str: ...
    @property
    def params(self) -> Mapping[str, Any]: ...
    @property
    def reason(self) -> str: ...


class Target(Protocol):
    """What choosing needs to know of the service as it is now."""

    @property
    def name(self) -> str: ...
    @property
    def replicas(self) -> int: ...
    @property
    def flags(self) -> Mapping[str, bool]: ...
    @property
    def actions(self) -> frozenset[str]:
        """What is possible on it here; empty: it does not say."""
        ...

    @property
    def offers(self) -> Sequence[Offered]: ...


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


def choose(
    cause: Cause, target: Target, limits: Mapping[str, Limit] | None = None, environment: str = ""
) -> Choice:
    """Ranked actions on `target` against `cause`. Never more than one of a kind.

    Only what the endpoint says is possible there, and what the workspace allows in `environment`.
    """
    scene = _Scene(cause, target, limits or {}, environment)
    every = (candidate for rule in _RULES for candidate in rule(scene))
    found = tuple(
        c for c in every if cause.mechanism not in CATALOG[c.request.action].forbidden_when
    )
    if found:
        return Choice(found)
    return Choice((), why_none=_why_none(scene))


@dataclass(frozen=True)
class _Scene:
    cause: Cause
    target: Target
    limits: Mapping[str, Limit]
    environment: str

    def limit(self, action: str) -> Limit:
        return self.limits.get(action, UNLIMITED)

    def can(self, action: str) -> bool:
        possible = action in (self.target.actions or _BY_DEFAULT)
        return possible and not self.limit(action).why_not(self.environment)

    def candidates(self, action: str, reason: str, **params: Any) -> list[Candidate]:
        """The one candidate, or none where it is not possible or not allowed."""
        if not self.can(action):
            return []
        try:
            request = request_of(
                action,
                self.target.name,
                params,
                limit=self.limit(action),
                environment=self.environment,
            )
        except BadParameters:
            return []
        return [Candidate(request, reason)]


def _undo_flag(scene: _Scene) -> list[Candidate]:
    cause, target = scene.cause, scene.target
    if cause.change != "flag":
        return []
    text = " ".join(str(cause.trigger.get(k, "")) for k in ("title", "before", "after", "id"))
    flag = _named_flag(text, target.flags)
    if flag is None:
        return []
    before = _truth(str(cause.trigger.get("before", "")), flag)
    wanted = (not target.flags[flag]) if before is None else before
    if wanted == target.flags[flag]:
        return []
    reason = f"flag {flag} of {target.name} was changed just before; this puts it back"
    return scene.candidates("set_flag", reason, flag=flag, value=wanted)


def _undo_change(scene: _Scene) -> list[Candidate]:
    cause = scene.cause
    if cause.change not in {"deploy", "config"}:
        return []
    fits = cause.mechanism in CATALOG["rollback"].fits or cause.signal in _CRASH_SIGNALS
    if not fits:
        return []
    what = str(cause.trigger.get("revision", "")) or "the change"
    reason = f"{cause.change} {what[:60]} of {scene.target.name} came just before"
    return scene.candidates("rollback", reason)


def _read_again(scene: _Scene) -> list[Candidate]:
    """What was renewed or written on a host is not used before the service reads it.

    Only where the endpoint says of itself that it can: a reload is not among the default four.
    """
    cause, name = scene.cause, scene.target.name
    if cause.mechanism is Mechanism.EXPIRY:
        return scene.candidates("reload", f"{name} may still hold what has expired and was renewed")
    if cause.mechanism is Mechanism.CONFIG and cause.change != "config":
        return scene.candidates("reload", f"{name} may not have read its configuration")
    return []


def _switch_off(scene: _Scene) -> list[Candidate]:
    cause, target = scene.cause, scene.target
    if cause.mechanism not in _FROM_OUTSIDE:
        return []
    flag = _related_flag(cause, target)
    if flag is None:
        return []
    reason = f"{target.name} waits for something outside it; {flag} makes that call optional"
    return scene.candidates("set_flag", reason, flag=flag, value=False)


def _offered_first(scene: _Scene) -> list[Candidate]:
    return [found for action in _OFFERED_FIRST for found in _offered(scene, action)]


def _offered_last(scene: _Scene) -> list[Candidate]:
    return [found for action in _OFFERED_LAST for found in _offered(scene, action)]


def _offered(scene: _Scene, action: str) -> list[Candidate]:
    """The endpoint's first offer of the action that fits the cause and passes the catalogue."""
    spec, cause = CATALOG[action], scene.cause
    by_signal = not spec.signals or not cause.signal or cause.signal in spec.signals
    if cause.mechanism not in spec.fits or not by_signal:
        return []
    about = _ANSWERS.get(cause.signal)
    fitting = (
        offer
        for offer in scene.target.offers
        if offer.action == action and (about is None or action != "resize" or about in offer.params)
    )
    checked = (scene.candidates(action, offer.reason, **offer.params) for offer in fitting)
    return next((found for found in checked if found), [])


def _grow(scene: _Scene) -> list[Candidate]:
    cause, target = scene.cause, scene.target
    by_traffic = cause.mechanism is Mechanism.TRAFFIC or (
        cause.mechanism is Mechanism.SATURATION and cause.signal == "traffic"
    )
    if not by_traffic or target.replicas < 1:
        return []
    most = int(CATALOG["scale"].maximums(scene.limit("scale"))["replicas"])
    wanted = min(target.replicas * _GROWTH, most)
    if wanted <= target.replicas:
        return []
    reason = f"more traffic than {target.replicas} replicas of {target.name} carry"
    return scene.candidates("scale", reason, replicas=wanted)


def _restart(scene: _Scene) -> list[Candidate]:
    cause, name = scene.cause, scene.target.name
    if cause.mechanism is Mechanism.LEAK:
        return scene.candidates("restart", f"{name} leaks; a restart frees what it holds")
    stuck = cause.mechanism in {Mechanism.SATURATION, Mechanism.JOB}
    if stuck and cause.signal in _RESTART_SIGNALS:
        reason = f"{cause.signal} of {name} is exhausted; a restart clears it"
        return scene.candidates("restart", reason)
    if cause.signal in _CRASH_SIGNALS and cause.change not in {"deploy", "config", "flag"}:
        return scene.candidates("restart", f"{name} keeps failing without a change")
    return []


_RULES: tuple[Callable[[_Scene], list[Candidate]], ...] = (
    _undo_flag,
    _undo_change,
    _read_again,
    _switch_off,
    _offered_first,
    _grow,
    _restart,
    _offered_last,
)


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


def _why_none(scene: _Scene) -> str:
    cause, target = scene.cause, scene.target
    signal = f" ({cause.signal})" if cause.signal else ""
    if cause.mechanism in _FROM_OUTSIDE:
        return (
            f"{target.name} waits for something outside it{signal} and has no switched-on flag "
            "that makes this call optional"
        )
    said = f"no action of the catalogue fits {cause.mechanism}{signal} on {target.name}"
    left = [card.title.lower() for card in cards_for(cause.mechanism)]
    return f"{said}; left to people: {', '.join(left)}" if left else said
