"""The telemetry path: clues from metrics, spans and logs, fused into one ranking."""

from collections.abc import Callable, Sequence

from analysis.reasoning.rootcause import impact, resources, silence, traces
from analysis.reasoning.rootcause.fusion import Weights, fuse, weights
from analysis.reasoning.rootcause.roles import Role, meaning
from analysis.reasoning.rootcause.signature import fault_type
from analysis.types import Case, Clue, Diagnosis, Suspect

PATH = "telemetry"

# The clues that rank; the others only tell which fault it is. Kinds that no fitted case has shown
# keep the weight of the prior: a full disk speaks as loud as a busy processor.
RANKED = (
    "changed_events",
    "cpu",
    "disk",
    "failed_impact",
    "log_novelty",
    "memory",
    "network_errors",
    "only_stopped",
    "restarts",
    "rpc_gap",
    "slow_impact",
    "sockets",
    "stopped_calls",
)

# Each reads what it needs of the case and says nothing where that is missing.
SOURCES: tuple[Callable[[Case], list[Clue]], ...] = (
    resources.clues,
    impact.clues,
    silence.clues,
    traces.clues,
)

# Where a fault shows first.
_MEASURES: dict[str, tuple[Role, ...]] = {
    "cpu": (Role.CPU,),
    "memory": (Role.MEMORY,),
    "disk": (Role.DISK,),
    "connections": (Role.SOCKETS,),
    "loss": (Role.NETWORK_ERRORS,),
    "crash": (Role.RESTARTS,),
    "network_delay": (Role.LATENCY,),
    "latency": (Role.LATENCY,),
    "overload": (Role.LATENCY,),
    "errors": (Role.SUCCESS, Role.ERRORS),
}


def diagnose(case: Case) -> Diagnosis:
    """Ranks every candidate by all clues its telemetry gives. Never raises on missing data."""
    return conclude(case, gather(case), weights(PATH))


def gather(case: Case) -> list[Clue]:
    return [clue for source in SOURCES for clue in source(case)]


def conclude(case: Case, clues: Sequence[Clue], weighing: Weights) -> Diagnosis:
    """The diagnosis the clues add up to; pure, so that a fit can call it with other weights."""
    posterior = fuse(clues, case.candidates, weighing, null=null_features(case))
    ranked = sorted(case.candidates, key=lambda name: (-posterior.of[name], name))
    suspects = tuple(
        Suspect(
            component=name,
            probability=posterior.of[name],
            fault_type=fault_type(case, name, own := _own(clues, name)),
            clues=own,
        )
        for name in ranked
    )
    best = suspects[0].probability if suspects else 0.0
    return Diagnosis(
        suspects=suspects,
        none=posterior.none,
        is_abstained=best < max(weighing.abstain_below, posterior.none),
        evidence_path=PATH,
        metrics=metrics(case, suspects),
    )


def null_features(case: Case) -> dict[str, float]:
    """What speaks for "nothing is wrong here": the alert's own signal is not out of its noise."""
    return {"alert_quiet": impact.quietness(case)}


def metrics(case: Case, suspects: Sequence[Suspect]) -> tuple[tuple[str, str], ...]:
    """(component, metric), the most telling first.

    Those of the best suspect that measure its fault, then what the clues rest on.
    """
    measured = (
        [
            (suspects[0].component, name)
            for role in _MEASURES.get(suspects[0].fault_type, ())
            for component, name in sorted(case.series)
            if component == suspects[0].component
            and meaning(name).role is role
            and not meaning(name).is_host
        ]
        if suspects
        else []
    )
    named = [
        (suspect.component, clue.detail)
        for suspect in suspects[:5]
        for clue in suspect.clues
        if (suspect.component, clue.detail) in case.series
    ]
    return tuple(dict.fromkeys([*measured, *named]))


def _own(clues: Sequence[Clue], component: str) -> tuple[Clue, ...]:
    own = [clue for clue in clues if clue.component == component]
    return tuple(sorted(own, key=lambda clue: (-clue.value, clue.feature, clue.detail)))
