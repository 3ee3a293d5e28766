"""Impact arithmetic: where on the call graph the extra seconds and the failed calls begin.

Extra seconds (calls x extra latency) and extra failures flow up the call graph. What a component
adds is its own sum minus the sums of its callees; the cause is where the callees stop explaining
the caller (`root-cause.md` §2).
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from analysis.reasoning.rootcause.flows import Flow, flows
from analysis.reasoning.rootcause.roles import Role, meaning
from analysis.reasoning.rootcause.shifts import RECENT, Frame, Series
from analysis.types import Case, Clue

_NOISE = 3.0  # usual excesses of a quiet window at which half of an excess is believed
_REACH = 4.0  # times the alert's excess: what is beyond went elsewhere
_BESIDE = 0.5  # what an excess counts that is of another kind than the alert
_UNREACHED = 0.3  # and one in a component that the alert service is not known to call
_QUANTILE = 0.4  # and one summed up of quantiles: only means add up
_LEAST = 0.02  # of the seconds usually spent: what a window may always be off by
_LEAST_FAILED = 0.0005  # of the calls, the same for failures


@dataclass(frozen=True)
class Excess:
    """Sums over the window: `total` of the component, `own` what its callees leave unexplained.

    `noise` is the same sum in the windows before, at the edge of what is usual;
    in seconds or calls.
    """

    total: float
    own: float
    noise: float
    before: float
    during: float
    name: str

    @property
    def trust(self) -> float:
        """0 for an excess within the noise, towards 1 far out of it."""
        sure = (max(self.total, 0.0) / self.noise) ** 2
        return sure / (sure + _NOISE**2)


def clues(case: Case) -> list[Clue]:
    """`slow_impact` and `failed_impact`: a component's own share of the alert's excess, 0 to 1."""
    frame = Frame.of(case)
    measured = flows(case)
    reached = _below(case)
    found: list[Clue] = []
    for feature, excesses in (
        ("slow_impact", slowness(case, measured, frame)),
        ("failed_impact", failures(case, measured, frame)),
    ):
        whole = _alerted(case, excesses)
        for component, excess in excesses.items():
            value = _share(excess.own, whole) * excess.trust * _relevance(case, feature)
            if meaning(excess.name).quantile is not None:
                value *= _QUANTILE
            if reached and component not in reached:
                value *= _UNREACHED
            if value > 0.01:
                found.append(_clue(component, feature, excess, value))
    return found


def _relevance(case: Case, feature: str) -> float:
    """An alert about failures is explained by failures first, one about latency by latency."""
    about = {
        Role.LATENCY: "slow_impact",
        Role.SUCCESS: "failed_impact",
        Role.ERRORS: "failed_impact",
    }.get(meaning(case.alert_metric).role)
    return 1.0 if about in (None, feature) else _BESIDE


def _below(case: Case) -> frozenset[str]:
    """The alert service and all it calls, directly or not; empty where that is not known."""
    callees: dict[str, set[str]] = defaultdict(set)
    for caller, callee in case.edges:
        callees[caller].add(callee)
    if case.alert_service not in callees:
        return frozenset()
    reached = {case.alert_service}
    ahead = [case.alert_service]
    while ahead:
        new = callees[ahead.pop()] - reached
        reached |= new
        ahead.extend(new)
    return frozenset(reached)


def slowness(case: Case, measured: Mapping[str, Flow], frame: Frame) -> dict[str, Excess]:
    """Extra seconds of each component whose latency is measured.

    Where calls are not counted, one a sample is assumed.
    """
    totals = {}
    for component, flow in measured.items():
        if flow.latency_s is not None:
            calls = np.ones(len(flow.latency_s)) if flow.calls is None else flow.calls
            spent = flow.latency_s * calls
            if excess := _excess(flow.latency_s, calls, _LEAST * spent, frame, flow.latency_name):
                totals[component] = excess
    return _unexplained(case, totals)


def failures(case: Case, measured: Mapping[str, Flow], frame: Frame) -> dict[str, Excess]:
    """Extra failed calls of each component whose failures are measured."""
    totals = {}
    for component, flow in measured.items():
        if flow.failed is not None:
            every = np.ones(len(flow.failed))
            calls = flow.failed if flow.calls is None else _LEAST_FAILED * flow.calls
            if excess := _excess(flow.failed, every, calls, frame, flow.failed_name):
                totals[component] = excess
    return _unexplained(case, totals)


def _excess(
    values: Series, weight: Series, least: Series, frame: Frame, name: str
) -> Excess | None:
    """`least` is what a sample may always be off by, in the unit of values x weight."""
    before = values[frame.before]
    known = before[np.isfinite(before)]
    during = np.isfinite(values[frame.during])
    if not during.any():
        return None
    level = _level(known)
    extra = (values - level) * weight
    extra = np.where(np.isfinite(extra), extra, 0.0)
    total = float(extra[frame.during].sum())
    length = max(int(frame.during.sum()), 1)
    allowed = least[frame.before]
    floor = float(np.median(allowed)) if len(allowed := allowed[np.isfinite(allowed)]) else 0.0
    return Excess(
        total=total,
        own=total,
        noise=_usual_excess(extra[frame.before], length) + abs(floor) * length + 1e-6,
        before=level,
        during=float(np.nanmean(values[frame.during])),
        name=name,
    )


def _level(known: Series) -> float:
    """The level before, or the level just before where the shift is older than the incident."""
    if not len(known):
        return 0.0
    return max(float(np.median(known)), float(np.median(known[-RECENT:])))


def _usual_excess(extra: Series, length: int) -> float:
    """The sum over a window that one window in ten before the incident exceeded."""
    if len(extra) < length:
        return float(np.abs(extra).sum())
    sums = np.convolve(extra, np.ones(length), mode="valid")
    return float(np.quantile(np.abs(sums), 0.9))


def _unexplained(case: Case, totals: Mapping[str, Excess]) -> dict[str, Excess]:
    callees: dict[str, set[str]] = defaultdict(set)
    for caller, callee in case.edges:
        if caller != callee:
            callees[caller].add(callee)
    left = {}
    for component, excess in totals.items():
        explained = sum(
            max(totals[callee].total, 0.0) for callee in callees[component] & set(totals)
        )
        left[component] = Excess(
            total=excess.total,
            own=excess.total - explained,
            noise=excess.noise,
            before=excess.before,
            during=excess.during,
            name=excess.name,
        )
    return left


def _alerted(case: Case, excesses: Mapping[str, Excess]) -> Excess | None:
    """What is to be explained: the alert service's excess, else the largest believed one."""
    if case.alert_service in excesses:
        return excesses[case.alert_service]
    return max(excesses.values(), key=lambda excess: excess.total * excess.trust, default=None)


def _share(own: float, whole: Excess | None) -> float:
    """How much of the whole is a component's own; one far larger has hardly reached the alert.

    A whole within its noise may be as large as the noise.
    """
    if own <= 0 or whole is None:
        return 0.0
    total = max(whole.total, 0.0)
    return min(own / max(total, whole.noise), 1.0, _REACH * (total + whole.noise) / own)


def _clue(component: str, feature: str, excess: Excess, value: float) -> Clue:
    return Clue(
        component=component,
        feature=feature,
        value=value,
        before=excess.before,
        during=excess.during,
        detail=excess.name,
    )


def quietness(case: Case) -> float:
    """1 where the alert's own signals stay within their noise, 0 far out of it or not measured."""
    frame = Frame.of(case)
    measured = {case.alert_service: flow} if (flow := flows(case).get(case.alert_service)) else {}
    found = [
        excess.trust
        for feature, excesses in (
            ("slow_impact", slowness(case, measured, frame)),
            ("failed_impact", failures(case, measured, frame)),
        )
        for excess in excesses.values()
        if _relevance(case, feature) == 1.0
    ]
    return 1.0 - max(found) if found else 0.0
