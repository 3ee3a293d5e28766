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

_WELL = {ALERT: 0.05, **{g.key: 0.2 for g in GUARDS}, **{p.key: 0.5 for p in PEERS}}
_OTHERWISE: dict[str, list[float | None]] = {
    ALERT: [None, 0.09, 0.3, 0.58, 0.62, 0.9, 2.0],
    **{g.key: [None, 0.1, 0.24, 0.27, 0.31, 0.5, 1.0] for g in GUARDS},
    **{p.key: [None, 0.03, 0.3, 0.52, 0.7, 0.9, 2.0] for p in PEERS},
}
_KEYS = list(_WELL)
_JUDGED = [ALERT, *(g.key for g in GUARDS)]


def _stretches(keys: list[str]) -> st.SearchStrategy[tuple[str, int, int]]:
    """Which metric, from which sample on, for how many."""
    return st.tuples(st.sampled_from(keys), st.integers(0, 11), st.integers(1, 7))


@st.composite
def records(draw: st.DrawFn) -> Told:
    """A recovery that would match, of which some stretches went otherwise.

    Values drawn one by one would hardly ever match, and then these properties prove nothing.
    """
    length, bad = draw(st.integers(6, 18)), draw(st.integers(0, 2))
    told: Told = {key: [value] * length for key, value in _WELL.items()}
    told[ALERT][:bad] = [0.5] * bad
    for peer in PEERS[: draw(st.sampled_from([0, 0, 0, 1, 2, 3]))]:
        told[peer.key] = [0.03] * length
    for key, start, count in draw(st.lists(_stretches(_KEYS), max_size=4)):
        _overlay(told[key], start, count, draw(st.sampled_from(_OTHERWISE[key])))
    return told


def _overlay(values: Values, start: int, count: int, value: float | None) -> None:
    values[start : start + count] = [value] * len(values[start : start + count])


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


@settings(max_examples=300)
@given(records(), _stretches(_JUDGED), st.sampled_from([0.01, 0.05, 0.2, 1.0]), st.booleans())
def test_worse_samples_never_improve_the_verdict(
    told: Told, place: tuple[str, int, int], by: float, over: bool
) -> None:
    key, start, count = place
    worse = {**told, key: list(told[key])}
    for i, value in enumerate(worse[key]):
        if value is not None and start <= i < start + count:
            worse[key][i] = value + by
    assert claim(worse, over=over) <= claim(told, over=over)


@settings(max_examples=100)
@given(records())
def test_one_more_bad_sample_never_makes_a_match(told: Told) -> None:
    more = {key: [*values, values[-1]] for key, values in told.items()}
    more[ALERT] = [*told[ALERT], 2.0]
    assert verdict(more, over=True) is not Verdict.MATCH


@settings(max_examples=400)
@given(records(), st.lists(_stretches(_KEYS), min_size=1, max_size=3), st.booleans())
def test_losing_data_never_makes_a_match(
    told: Told, lost: list[tuple[str, int, int]], over: bool
) -> None:
    less = {key: list(values) for key, values in told.items()}
    for key, start, count in lost:
        _overlay(less[key], start, count, None)
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


@settings(max_examples=300)
@given(records(), st.integers(0, 11), st.integers(1, 4))
def test_samples_that_were_never_taken_never_make_a_match(told: Told, at: int, count: int) -> None:
    taken = _course(told[ALERT]).since
    now = EVERY_S * len(taken)
    less = {ALERT: Course((), taken[:at] + taken[at + count :])}
    found = judge(UP, less, effect_at=0.0, now=now)
    if found and found.verdict is Verdict.MATCH and at + count < len(taken):
        whole = judge(UP, {ALERT: Course((), taken)}, effect_at=0.0, now=now)
        assert whole
        assert whole.verdict is Verdict.MATCH


@settings(max_examples=200)
@given(records(), st.permutations(GUARDS), st.permutations(PEERS), st.booleans())
def test_the_order_of_the_metrics_is_nothing(
    told: Told, guards: list[Watched], peers: list[Watched], over: bool
) -> None:
    turned = replace(P, guards=tuple(guards), peers=tuple(peers))
    record = {key: _course(values) for key, values in told.items()}
    again = {key: _course(values) for key, values in sorted(told.items(), reverse=True)}
    now = 180.0 if over else EVERY_S * len(told[ALERT])
    assert judge(P, record, effect_at=0.0, now=now) == judge(turned, again, effect_at=0.0, now=now)


@settings(max_examples=200)
@given(records(), st.booleans())
def test_peers_never_hide_harm_on_the_target_alone(told: Told, over: bool) -> None:
    unmoved: Told = {peer.key: [0.5] * len(told[ALERT]) for peer in PEERS}
    alone = verdict(told, replace(P, peers=()), over=over)
    if alone is Verdict.DEVIATION:
        assert verdict({**told, **unmoved}, over=over) is Verdict.DEVIATION


@settings(max_examples=200)
@given(records(), st.booleans())
def test_peers_alone_never_make_a_match_or_harm(told: Told, over: bool) -> None:
    alone = claim(told, replace(P, peers=()), over=over)
    assert claim(told, over=over) in {alone, 1}


@settings(max_examples=100)
@given(records())
def test_there_is_always_an_end(told: Told) -> None:
    assert verdict(told, over=True) is not None
