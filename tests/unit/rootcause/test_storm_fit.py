"""The fit of the alert-storm path: signs stay sensible, and what it learns is used."""

import math

import pytest

from analysis.reasoning.rootcause.storm_weights import Line, StormWeights
from analysis.reasoning.rootcause.storms import diagnose
from analysis.types import Case, CaseAlert
from benchmarks.rca.storm_fit import (
    Labelled,
    fit_calibration,
    fit_storms,
    labelled,
    weights_of,
)
from benchmarks.rca.storms import split

NAMES = tuple(f"{group}-{n}" for group in ("a", "b", "c") for n in (0, 1))


def lesson(cause: str, fault: str, *said: tuple[str, str]) -> Labelled:
    alerts = [CaseAlert("metric", cause, name, sense) for name, sense in said]
    alerts += [CaseAlert("metric", name, "fs_usage", "up") for name in NAMES]
    alerts += [CaseAlert("log", name, "t") for name in NAMES]
    alerts += [CaseAlert("trace", "c-0", "op", "slow", "a-0")]
    case = Case(id=f"{cause}-{fault}", candidates=NAMES, alerts=tuple(alerts))
    return labelled(case, {"root_cause": cause, "fault_type": fault, "group": cause[0]})


LESSONS = [
    one
    for cause in NAMES
    for one in (
        lesson(cause, "cpu", ("cpu_usage", "up"), ("p90", "up")),
        lesson(cause, "memory", ("mem_usage", "up"), ("cpu_usage", "up")),
        lesson(cause, "pod-kill", ("net_transmit", "down"), ("mem_usage", "up")),
        lesson(cause, "network-loss", ("net_transmit", "down"), ("qps", "down")),
    )
]


def test_what_was_fitted_finds_causes_it_has_not_seen() -> None:
    held_out = [one for one in LESSONS if one.group == "b"]
    weights = weights_of(fit_storms([one for one in LESSONS if one.group != "b"]))
    for one in held_out:
        first = diagnose(one.case, weights).suspects[0]
        assert first.component == NAMES[one.true]
        assert first.fault_type == one.fault


def test_only_being_explained_speaks_against_a_component() -> None:
    fitted = fit_storms(LESSONS)
    for mechanism in fitted["mechanisms"].values():
        for clue, slope in mechanism["slopes"].items():
            assert slope <= 0 if clue == "explained" else slope >= 0


def test_the_same_lessons_give_the_same_weights() -> None:
    assert fit_storms(LESSONS) == fit_storms(LESSONS)


def test_a_storm_without_its_cause_is_blamed_on_nobody() -> None:
    weights = weights_of(fit_storms(LESSONS))
    one = LESSONS[0]
    others = tuple(name for name in NAMES if name != NAMES[one.true])
    said = diagnose(Case(id="x", candidates=others, alerts=one.case.alerts), weights)
    assert said.none > said.suspects[0].probability
    assert said.is_abstained


def test_boasting_weights_are_cooled_and_timid_ones_warmed() -> None:
    def knowing(slope: float) -> StormWeights:
        return StormWeights({"cpu": Line(0.0, {"cpu": slope})}, {"cpu": {}}, -9.0, 1.0, 0.5)

    right = [one for one in LESSONS if one.fault == "cpu"]
    noisy = [lesson(NAMES[k], "cpu", ("cpu_usage", "up")) for k in (0, 1)] + [
        lesson_misled(NAMES[k]) for k in (2, 3)
    ]
    assert fit_calibration([(knowing(9.0), one) for one in noisy])["temperature"] > 1
    assert fit_calibration([(knowing(1.0), one) for one in right])["temperature"] < 1


def lesson_misled(cause: str) -> Labelled:
    """The alert is on the component before it."""
    told = lesson(NAMES[NAMES.index(cause) - 2], "cpu", ("cpu_usage", "up"))
    return labelled(told.case, {"root_cause": cause, "fault_type": "cpu"})


def test_folds_by_service_part_no_service_and_lose_no_storm() -> None:
    folds = split(LESSONS, 2, by_service=True, seed=1)
    homes = [{LESSONS[i].group for i in fold} for fold in folds]
    assert not homes[0] & homes[1]
    assert sorted(i for fold in folds for i in fold) == list(range(len(LESSONS)))


def test_a_cause_that_is_no_candidate_is_refused() -> None:
    with pytest.raises(ValueError, match="not in tuple"):
        labelled(LESSONS[0].case, {"root_cause": "elsewhere", "fault_type": "cpu"})


def test_a_line_is_its_bias_and_what_its_slopes_make_of_the_features() -> None:
    assert math.isclose(Line(1.0, {"a": 2.0}).of({"a": 3.0, "b": 9.0}), 7.0)
