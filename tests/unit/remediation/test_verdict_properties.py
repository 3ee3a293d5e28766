"""What must hold of every verdict, whatever was read: worse is never better, less is never more."""

from collections.abc import Mapping
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from remediation.execution.marks import ALERT, Course, Sample
from remediation.execution.verification import judge
from remediation.types import Prediction, Verdict, Watched
from tests.unit.remediation.test_verdict import EVERY_S, UP, watched

# What may be claimed of the action: that it did harm, nothing, that it helped.
_CLAIM = {Verdict.DEVIATION: 0, None: 1, Verdict.PARTIAL: 1, Verdict.INCONCLUSIVE: 1}
GUARDS = (watched("caller"), watched("target"))
PEERS = tuple(watched(name, "errors", level_before=0.5, margin=0.1) for name in ("p1", "p2", "p3"))
P = replace(UP, guards=GUARDS, peers=PEERS)
Values = list[float | None]
Told = dict[str, Values]

_alert = st.sampled_from([None, 0.02, 0.05, 0.09, 0.3, 0.5, 0.58, 0.62, 0.9, 2.0])
_guard = st.sampled_from([None, 0.1, 0.2, 0.24, 0.27, 0.29, 0.31, 0.5, 1.0])
_peer = st.sampled_from([None, 0.03, 0.3, 0.5, 0.52, 0.7, 0.9, 2.0])


def _runs(values: st.SearchStrategy[float | None]) -> st.SearchStrategy[Values]:
    """Stretches of one value: single draws would hardly ever hold."""
    stretch = st.tuples(values, st.integers(1, 7))
    return st.lists(stretch, min_size=1, max_size=5).map(
        lambda runs: [value for value, times in runs for _ in range(times)][:18]
    )


@st.composite
def records(draw: st.DrawFn) -> Told:
    told = {ALERT: draw(_runs(_alert))}
    length = len(told[ALERT])
    for watch, values in [*((g, _guard) for g in GUARDS), *((p, _peer) for p in PEERS)]:
        run = draw(_runs(values))
        told[watch.key] = (run * 18)[:length]
    return told


def _course(values: Values) -> Course:
    return Course((), tuple(Sample(EVERY_S * i, v) for i, v in enumerate(values, start=1)))


def claim(told: Mapping[str, Values], p: Prediction = P, *, over: bool) -> int:
    found = verdict(told, p, over=over)
    return 2 if found is Verdict.MATCH else _CLAIM[found]


def verdict(told: Mapping[str, Values], p: Prediction = P, *, over: bool) -> Verdict | None:
    record = {key: _course(values) for key, values in told.items()}
    now = 180.0 if over else EVERY_S * len(told[ALERT])
    found = judge(p, record, effect_at=0.0, now=now)
    assert found is None or found.reason
    return found.verdict if found else None


_places = st.tuples(st.sampled_from([ALERT, *(g.key for g in GUARDS)]), st.integers(0, 17))
_any_place = st.tuples(
    st.sampled_from([ALERT, *(w.key for w in (*GUARDS, *PEERS))]), st.integers(0, 17)
)


@settings(max_examples=150)
@given(records(), _places, st.floats(0.01, 3.0), st.booleans())
def test_a_worse_sample_never_improves_the_verdict(
    told: Told, place: tuple[str, int], by: float, over: bool
) -> None:
    key, at = place
    worse = {**told, key: list(told[key])}
    at = min(at, len(worse[key]) - 1)
    value = worse[key][at]
    if value is None:
        return
    worse[key][at] = value + by
    assert claim(worse, over=over) <= claim(told, over=over)


@settings(max_examples=100)
@given(records())
def test_one_more_bad_sample_never_makes_a_match(told: Told) -> None:
    more = {key: [*values, values[-1]] for key, values in told.items()}
    more[ALERT] = [*told[ALERT], 2.0]
    assert verdict(more, over=True) is not Verdict.MATCH


@settings(max_examples=150)
@given(records(), st.lists(_any_place, min_size=1, max_size=12), st.booleans())
def test_losing_data_never_makes_a_match(
    told: Told, lost: list[tuple[str, int]], over: bool
) -> None:
    less = {key: list(values) for key, values in told.items()}
    for key, at in lost:
        if at < len(less[key]):
            less[key][at] = None
    if verdict(less, over=over) is Verdict.MATCH:
        assert verdict(told, over=over) is Verdict.MATCH


@settings(max_examples=100)
@given(records(), st.sampled_from([*GUARDS, *PEERS]), st.booleans())
def test_losing_a_metric_altogether_never_makes_a_match(
    told: Told, gone: Watched, over: bool
) -> None:
    less = {key: values for key, values in told.items() if key != gone.key}
    if verdict(less, over=over) is Verdict.MATCH:
        assert verdict(told, over=over) is Verdict.MATCH


@settings(max_examples=100)
@given(_runs(_alert), st.integers(0, 16))
def test_a_sample_that_was_never_taken_never_makes_a_match(values: Values, at: int) -> None:
    taken = _course(values).since
    less = tuple(sample for i, sample in enumerate(taken) if i != at)
    now = EVERY_S * len(values)
    found = judge(UP, {ALERT: Course((), less)}, effect_at=0.0, now=now)
    if found and found.verdict is Verdict.MATCH and at < len(values) - 1:
        whole = judge(UP, {ALERT: Course((), taken)}, effect_at=0.0, now=now)
        assert whole
        assert whole.verdict is Verdict.MATCH


@settings(max_examples=100)
@given(records(), st.permutations(GUARDS), st.permutations(PEERS), st.booleans())
def test_the_order_of_the_metrics_is_nothing(
    told: Told, guards: list[Watched], peers: list[Watched], over: bool
) -> None:
    turned = replace(P, guards=tuple(guards), peers=tuple(peers))
    shuffled = dict(sorted(told.items(), reverse=True))
    record = {k: _course(v) for k, v in told.items()}
    again = {k: _course(v) for k, v in shuffled.items()}
    now = 180.0 if over else EVERY_S * len(told[ALERT])
    assert judge(P, record, effect_at=0.0, now=now) == judge(turned, again, effect_at=0.0, now=now)


@settings(max_examples=100)
@given(records(), st.booleans())
def test_peers_never_hide_harm_on_the_target_alone(told: Told, over: bool) -> None:
    unmoved: Told = {peer.key: [0.5] * len(told[ALERT]) for peer in PEERS}
    still = {**told, **unmoved}
    alone = verdict(told, replace(P, peers=()), over=over)
    if alone is Verdict.DEVIATION:
        assert verdict(still, over=over) is Verdict.DEVIATION


@settings(max_examples=100)
@given(records(), st.booleans())
def test_peers_alone_never_make_a_match_or_harm(told: Told, over: bool) -> None:
    alone = claim(told, replace(P, peers=()), over=over)
    assert claim(told, over=over) in {alone, 1}


@given(records())
def test_there_is_always_an_end(told: Told) -> None:
    assert verdict(told, over=True) is not None
