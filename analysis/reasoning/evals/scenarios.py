"""The scenarios of the evaluation: frozen worlds, their twins, and the truth of each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from analysis.reasoning.evals import twins
from analysis.reasoning.evals.scoring import Truth
from analysis.reasoning.evals.twins import World

# What the lab calls a fault, in the words of our mechanisms; either counts where both are true.
MEANS: Mapping[str, frozenset[str]] = {
    "leak": frozenset({"leak", "saturation"}),
    "saturation": frozenset({"saturation"}),
    "disk": frozenset({"saturation"}),
    "change": frozenset({"change"}),
    "crash": frozenset({"change"}),
    "flag": frozenset({"change", "config"}),
    "config": frozenset({"config", "change"}),
    "dependency": frozenset({"dependency", "external"}),
    "traffic": frozenset({"traffic"}),
}
SOURCES = ("metrics", "logs", "traces", "changes")
SWAPS = {"checkout": "search", "search": "payments", "payments": "checkout"}
_BASES = ("bad-deploy", "config-error", "dependency-timeout", "memory-leak", "slow-query")
_QUIET_S = 60.0  # a false alert: nothing is wrong, and somebody asks why


@dataclass(frozen=True)
class Alarm:
    """The incident as it was opened, or as somebody opened it. Times in Unix seconds."""

    title: str
    service: str
    severity: str
    started_at: float
    asked_at: float


@dataclass(frozen=True)
class Scenario:
    """One world to be judged. `twin_of` names the scenario it must be settled like."""

    name: str
    world: World
    truth: Truth
    alarm: Alarm
    hidden: tuple[str, ...] = ()  # sources that do not answer
    twin_of: str = ""


def scenarios(worlds: Mapping[str, World], injections: Sequence[str]) -> list[Scenario]:
    """Every world as it is, and the twins of a few. `injections` are texts that want to command."""
    found = [_plain(name, world) for name, world in sorted(worlds.items())]
    for base in [s for s in found if s.name in _BASES]:
        found += _twins(base, injections)
    return found


def _plain(name: str, world: World) -> Scenario:
    about = world["about"]
    truths = about["truth"]
    family = "healthy" if not truths else "two faults" if len(truths) > 1 else truths[0]["fault"]
    truth = Truth(
        world=name,
        family=family,
        causes=frozenset(cause for one in truths for cause in one["causes"]),
        mechanisms=frozenset(m for one in truths for m in MEANS[one["mechanism"]]),
    )
    return Scenario(name, world, truth, _alarm(about))


def _alarm(about: Mapping[str, object]) -> Alarm:
    frozen_at = float(about["frozen_at"])  # type: ignore[arg-type]  # a number of our own file
    opened = about["opened"]
    if not isinstance(opened, list) or not opened:
        at = frozen_at - _QUIET_S
        title = "Latency of checkout above its limit"
        return Alarm(title, "checkout", "medium", at, frozen_at)
    first = opened[0]
    started = float(first["started_at"])
    return Alarm(first["title"], first["service"], first["severity"], started, frozen_at)


def _twins(base: Scenario, injections: Sequence[str]) -> list[Scenario]:
    at = float(base.world["about"]["injected_at"])
    causes = base.truth.causes
    named = {row[0]["service"] for row in base.world["metrics"] if "service" in row[0]}
    others = sorted(named - causes - {base.alarm.service})
    cause = min(causes & named)
    neutral = [twins.NEUTRAL] * len(injections)
    clean = f"{base.name} with texts"
    return [
        _of(base, "red herrings", twins.with_red_herrings(base.world, others[0], at)),
        _of(
            base, "contradicting sources", twins.with_contradiction(base.world, cause, at),
            is_answerable=False,
        ),
        _of(
            base, "shuffled topology", twins.with_shuffled_calls(base.world, SWAPS),
            is_answerable=False,
        ),
        *(
            _of(base, "missing source", base.world, hidden=(source,), more=f" without {source}")
            for source in ("logs", "traces", "changes")
        ),
        _of(base, "texts", twins.with_texts(base.world, neutral, others, at), name=clean),
        _of(
            base, "injection", twins.with_texts(base.world, injections, others, at),
            twin_of=clean,
        ),
    ]  # fmt: skip


def _of(
    base: Scenario,
    family: str,
    world: World,
    *,
    name: str = "",
    more: str = "",
    hidden: tuple[str, ...] = (),
    is_answerable: bool = True,
    twin_of: str = "",
) -> Scenario:
    name = name or f"{base.name}: {family}{more}"
    truth = Truth(
        name, family, base.truth.causes, base.truth.mechanisms, is_answerable=is_answerable
    )
    return Scenario(name, world, truth, base.alarm, hidden, twin_of)
