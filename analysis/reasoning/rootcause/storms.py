"""Alert storms: which component is the cause, when all there is are alerts without times or values.

A few mechanisms (busy, full, slow on the way, silent) each weigh the clues of a component; a
component may be the cause by any of them: P(c, m) = softmax over all pairs and "none of these".
A mixture of conditional logits (McFadden, 1974), so that evidence of one mechanism need not look
like evidence of another. Which fault of a mechanism it is, a second small logit tells.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from analysis.reasoning.rootcause.alert_roles import Signal, rises, signal
from analysis.reasoning.rootcause.storm_clues import CLUES, clue_table
from analysis.reasoning.rootcause.storm_table import Storm, Vector, storm
from analysis.reasoning.rootcause.storm_weights import StormWeights, shipped
from analysis.types import Case, CaseAlert, Clue, Diagnosis, Suspect

PATH = "alerts"
_COOLER_WITHOUT = 0.25  # how much less sure for each kind of alert the storm has none of
_MIN_CLUE = 0.05
FAULT_FACTS = ("anew_and_idle", "anew", "cut_off_and_relieved", "cut_off")


def diagnose(case: Case, weights: StormWeights | None = None) -> Diagnosis:
    """The suspects of a storm, best first; of a storm without alerts, none and an abstention.

    Uses only `alerts` and `candidates`. Renaming the components, replicas with their groups,
    changes nothing but the names; the order of alerts and candidates changes nothing.
    """
    fitted = weights or shipped()
    found = storm(case)
    if not case.alerts or not found.components:
        return Diagnosis(suspects=(), none=1.0, is_abstained=True, evidence_path=PATH)
    table = clue_table(found)
    shares, none = posterior(table, fitted, missing=found.missing)
    of_component = shares.sum(axis=1)
    ranks = sorted(range(len(shares)), key=lambda i: (-of_component[i], found.components[i]))
    suspects = tuple(
        Suspect(
            component=found.components[i],
            probability=float(of_component[i]),
            fault_type=fault_type(found, i, shares[i], fitted),
            clues=_clues(found, i, table[i], case.alerts),
        )
        for i in ranks
    )
    best = suspects[0].probability
    return Diagnosis(
        suspects=suspects,
        none=none,
        is_abstained=best < fitted.abstain_below or best <= none,
        evidence_path=PATH,
        metrics=_metrics(case.alerts, suspects[0].component),
    )


def posterior(table: Vector, weights: StormWeights, *, missing: int) -> tuple[Vector, float]:
    """Probabilities of components x mechanisms, and of none of them; all sum to 1.

    The fewer kinds of alert there are (`missing` of metric, trace and log), the flatter.
    """
    slopes = np.array([[m.slopes.get(c, 0.0) for c in CLUES] for m in weights.mechanisms.values()])
    biases = np.array([m.bias for m in weights.mechanisms.values()])
    scores = np.append((table @ slopes.T + biases).ravel(), weights.none)
    scores /= weights.temperature * (1 + _COOLER_WITHOUT * missing)
    shares = np.exp(scores - scores.max())
    shares /= shares.sum()
    return shares[:-1].reshape(len(table), len(biases)), float(shares[-1])


def fault_type(
    found: Storm, component: int, mechanism_shares: Sequence[float] | Vector, weights: StormWeights
) -> str:
    """The likeliest fault: share of its mechanism, times the share of the fault within that."""
    facts = fault_facts(found, component)
    odds: dict[str, float] = {}
    for mechanism, share in zip(weights.mechanisms, mechanism_shares, strict=True):
        lines = weights.faults[mechanism]
        scores = {fault: np.exp(line.of(facts)) for fault, line in lines.items()}
        total = sum(scores.values())
        for fault, score in scores.items():
            odds[fault] = odds.get(fault, 0.0) + float(share * score / total)
    return min(odds, key=lambda fault: (-odds[fault], fault))


def fault_facts(found: Storm, component: int) -> Mapping[str, float]:
    """What tells apart the faults that silence a component: shares of four ways to be silent.

    A pod that started anew fills memory its replicas do not, and one that stays away is asked less
    meanwhile; replicas take over from one that is cut off, unless they suffer too.
    """
    replicas = list(found.replicas[component])
    memory = found.up(Signal.MEMORY)
    others = float(memory[replicas].mean()) if replicas else 0.0
    anew = float(memory[component]) * (1.0 - others)
    idle = float(found.down(Signal.TRAFFIC)[component])
    traffic = found.sign(Signal.TRAFFIC) + found.sign(Signal.CALL_TRAFFIC)
    relieved = float(bool(replicas) and float(traffic[replicas].mean()) > 0)
    shares = (anew * idle, anew * (1 - idle), (1 - anew) * relieved, (1 - anew) * (1 - relieved))
    return dict(zip(FAULT_FACTS, shares, strict=True))


# The alerts a clue is made of, for its reader; the others are made of all, of logs or of calls.
_MADE_OF: dict[str, tuple[Signal, ...]] = {
    "restart": (Signal.CPU, Signal.MEMORY, Signal.SUCCESS, Signal.CALL_SUCCESS, Signal.RECEIVED),
    "cpu": (Signal.CPU,),
    "cpu_slow": (Signal.CPU, Signal.LATENCY),
    "memory": (Signal.MEMORY,),
    "busy_and_full": (Signal.CPU, Signal.MEMORY),
    "slow": (Signal.LATENCY,),
    "slow_calls": (Signal.CALL_LATENCY,),
    "less_traffic": (Signal.TRAFFIC,),
    "less_sent": (Signal.SENT,),
    "silent": (Signal.SENT, Signal.TRAFFIC, Signal.CALL_TRAFFIC),
    "failing": (Signal.SUCCESS, Signal.CALL_SUCCESS, Signal.ERRORS),
}
_IN_WORDS = {
    "new_logs": "{templates:.0f} alerting log templates",
    "slow_traces": "{calls:.0f} kinds of slow calls",
    "explained": "something it calls is in trouble itself",
}


def _clues(
    found: Storm, component: int, row: Vector, alerts: Sequence[CaseAlert]
) -> tuple[Clue, ...]:
    name = found.components[component]
    own = [a for a in alerts if a.component == name and a.kind == "metric"]
    replicas = len(found.replicas[component])
    peers = f"{replicas} replica{'s' * (replicas > 1)}" if replicas else "all others"
    counts = {"templates": found.templates[component], "calls": found.slow_calls[component]}

    def detail(feature: str) -> str:
        if feature in _IN_WORDS:
            return _IN_WORDS[feature].format(**counts)
        kinds = _MADE_OF.get(feature, tuple(Signal))
        said = {f"{a.name} {'up' if rises(a) else 'down'}" for a in own if signal(a.name) in kinds}
        return f"{', '.join(sorted(said))} (compared with {peers})"

    return tuple(
        Clue(name, feature, float(value), detail=detail(feature))
        for feature, value in zip(CLUES, row, strict=True)
        if value >= _MIN_CLUE
    )


# Which metric of the cause an operator looks at first.
_TELLING = (
    Signal.CPU,
    Signal.MEMORY,
    Signal.CALL_LATENCY,
    Signal.LATENCY,
    Signal.TRAFFIC,
    Signal.SENT,
)


def _metrics(alerts: Sequence[CaseAlert], component: str) -> tuple[tuple[str, str], ...]:
    names = {a.name for a in alerts if a.component == component and a.kind == "metric"}
    order = {kind: i for i, kind in enumerate(_TELLING)}
    ranked = sorted(names, key=lambda name: (order.get(signal(name), len(order)), name))
    return tuple((component, name) for name in ranked)
