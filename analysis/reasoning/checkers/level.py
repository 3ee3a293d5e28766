"""Claims about how high, how many and in which state: re-computed from the stored numbers."""

import operator
from collections.abc import Callable, Mapping

from analysis.reasoning.checkers.look import Checked, Look
from analysis.types import (
    Background,
    ClaimVerdict,
    Edge,
    Onset,
    Points,
    State,
    Steady,
    TemplateSpike,
)

MIN_PEERS = 2
_V = ClaimVerdict
_OPS: Mapping[str, Callable[[float, float], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
}


def threshold(look: Look) -> Checked:
    """A number against `value`: of a signal, of a call (`edge`), or as it was `earlier_s` before.

    Where the points themselves are cited they decide: the longest stretch that satisfies it must
    last `for_s`. Without them the level of the shift, or the steady one, is compared.
    """
    op, value = look.text("op"), float(look.operands["value"])
    if "edge" not in look.operands and "earlier_s" not in look.operands:
        entity, signal = look.text("entity"), look.text("signal")
        points = look.first(Points, lambda p: (p.entity, p.signal) == (entity, signal))
        if points is not None:
            return _over_points(points, op, value, look.number("for_s", 0.0))
        if look.number("for_s", 0.0) > 0:
            return _V.UNCHECKABLE, "how long it lasted needs its points: see query_metrics"
    found = _number(look)
    if found is None:
        return _V.UNCHECKABLE, "the cited evidence holds no such number"
    verdict = _V.HOLDS if _OPS[op](found, value) else _V.FAILS
    return verdict, f"it is {found:.4g}; claimed {op} {value:.4g}"


def _over_points(points: Points, op: str, value: float, for_s: float) -> Checked:
    longest, since = -1.0, None
    for at, level in zip(points.times, points.values, strict=True):
        if level is None or not _OPS[op](level, value):
            since = None
            continue
        since = at if since is None else since
        longest = max(longest, at - since)
    if longest < 0:
        return _V.FAILS, f"no point of {len(points.times)} is {op} {value:.4g}"
    verdict = _V.HOLDS if longest >= for_s else _V.FAILS
    return verdict, f"it was {op} {value:.4g} for {longest:.0f} s at a stretch"


def _number(look: Look) -> float | None:
    what = look.operands
    if "edge" in what:
        src, dst = what["edge"]
        edge = look.first(Edge, lambda e: (e.src, e.dst) == (src, dst) and e.calls_during > 0)
        return None if edge is None else float(getattr(edge, str(what["field"])))
    entity, signal = look.text("entity"), look.text("signal")
    if "earlier_s" in what:
        then = look.first(Background, lambda b: (b.entity, b.signal) == (entity, signal))
        return None if then is None else then.during
    onset = look.onset(entity, signal)
    if onset is not None:
        return onset.during
    steady = look.steady(entity, signal)
    return None if steady is None else steady.level


def peer_normal(look: Look) -> Checked:
    """The signal shifted on the entity, and stayed steady on two peers at least.

    With `peers` these decide; without, every other entity that the cited evidence looked at: other
    services for a service, for an instance (service/instance) the others of its service.
    """
    entity, signal = look.text("entity"), look.text("signal")
    wanted = {str(name) for name in look.operands.get("peers") or ()} - {entity}
    shifted = {o.entity for o in look.found(Onset, lambda o: o.signal == signal)}
    calm = {s.entity for s in look.found(Steady, lambda s: s.signal == signal)}
    calm = {name for name in calm - {entity, *shifted} if _level(name) == _level(entity)}
    if entity not in shifted:
        return _V.FAILS, f"{signal} of {entity} itself did not shift"
    unwell = sorted(wanted & shifted)
    if unwell:
        return _V.FAILS, f"{signal} of {', '.join(unwell)} shifted too"
    if wanted:
        calm &= wanted
    if len(calm) >= MIN_PEERS:
        return _V.HOLDS, f"{signal} stayed steady on {', '.join(sorted(calm))}"
    return _V.FAILS, f"only {len(calm)} peers stayed steady; {len(shifted)} shifted"


def _level(entity: str) -> str:
    """The service that an instance belongs to; nothing for a service."""
    return entity.rpartition("/")[0]


def template_spike(look: Look) -> Checked:
    """A log template is new, or seen `ratio` times as often as the time before foretold."""
    wanted, entity = look.text("template"), look.text("entity")
    spike = look.first(TemplateSpike, lambda s: (s.template, s.entity) == (wanted, entity))
    if spike is None:
        return _V.UNCHECKABLE, "the cited evidence holds no such template"
    ratio = spike.count / max(spike.baseline, 1.0)
    holds = spike.is_new or ratio >= look.number("ratio", 2.0)
    was = "never seen before" if spike.is_new else f"expected {spike.baseline:.3g}"
    return _V.HOLDS if holds else _V.FAILS, f"seen {spike.count} times, {was}"


def state(look: Look) -> Checked:
    """A field as the platform reports it: a number against `value`, or the very word."""
    entity, field = look.text("entity"), look.text("field")
    states = look.found(State, lambda s: (s.entity, s.field) == (entity, field))
    if not states:
        return _V.UNCHECKABLE, "the cited evidence holds no such state"
    newest = max(states, key=lambda s: (s.at, s.value))
    op, wanted = str(look.operands.get("op", ">=")), look.operands["value"]
    try:
        holds = _OPS[op](float(newest.value), float(wanted))
    except ValueError:
        holds = newest.value.strip().casefold() == str(wanted).strip().casefold()
    return _V.HOLDS if holds else _V.FAILS, f"{field} of {entity} is {newest.value}"
