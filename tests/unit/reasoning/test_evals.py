"""Scores, baselines and twins of the evaluation: small examples worked out by hand."""

import copy
import itertools
import json
from typing import Any

import pytest

from analysis.reasoning.evals import baselines, report, twins
from analysis.reasoning.evals.scenarios import scenarios
from analysis.reasoning.evals.scoring import Answered, Truth, score
from analysis.reasoning.ledger import Ledger
from analysis.types import (
    ChangeFact,
    Custody,
    EvidenceDraft,
    EvidenceStatus,
    Fact,
    IncidentContext,
    LedgerEntry,
    Onset,
)

CTX = IncidentContext("INC-1", "slow", "web", "high", 1000.0, 1100.0, ("web", "db"), ())


def ledger(*facts: Fact) -> Ledger:
    draft = EvidenceDraft(
        "get_onsets", {}, "metrics", "q", (0.0, 1.0), EvidenceStatus.OK, 1.0, "",
        Custody.APP_METRIC, facts,
    )  # fmt: skip
    return Ledger((LedgerEntry(1, draft),))


def onset(entity: str, magnitude: float) -> Onset:
    return Onset(entity, "latency", 1000.0, 5.0, "up", magnitude, 1.0, 2.0)


def change(entity: str, at: float, kind: str = "deploy") -> ChangeFact:
    return ChangeFact(f"c{at}", entity, at, kind, "a release")


def test_the_newest_change_before_the_incident_is_blamed() -> None:
    facts = (change("db", 900.0), change("web", 950.0), change("late", 1090.0))
    assert baselines.newest_change(CTX, ledger(*facts))[0] == ("web", "db")


def test_a_restart_is_no_change_to_blame() -> None:
    assert baselines.newest_change(CTX, ledger(change("db", 900.0, "restart")))[0] == ()


def test_robust_z_ranks_each_entity_by_its_largest_shift() -> None:
    found = baselines.robust_z(CTX, ledger(onset("web", 4), onset("db", 9), onset("web", 12)))
    assert found == (("web", "db"), (0.5, 0.25))


def said(world: str, *ranked: str, p: float = 0.8, **more: Any) -> Answered:
    confidences = tuple(p / (place + 1) for place in range(len(ranked)))
    return Answered(world, ranked, confidences, **more)


TRUTHS = [
    Truth("a", "leak", frozenset({"db"}), frozenset({"leak"})),
    Truth("b", "leak", frozenset({"db"})),
    Truth("quiet", "healthy", frozenset()),
    Truth("odd", "shuffled", frozenset({"db"}), is_answerable=False),
]


def test_scores_of_a_small_table() -> None:
    answers = [
        said("a", "db", "web", mechanism="leak", is_path_verified=True, claims=4, failed_claims=1),
        said("b", "web", "db"),
        said("quiet", "web", p=0.3, is_abstained=True),
        said("odd", "web", p=0.2, is_abstained=True),
    ]
    found = score(answers, TRUTHS)
    assert (found.n, found.ac1, found.ac3) == (2, 0.5, 1.0)
    assert found.avg5 == pytest.approx(0.9)
    assert (found.mechanism, found.path_grounded) == (1.0, 0.5)
    assert found.false_cause == 0.5  # of the two answered, one was wrong
    assert found.abstention_precision == 1.0
    assert found.abstention_recall == pytest.approx(2 / 3)
    assert found.claim_failures == 0.25
    assert found.brier == pytest.approx((0.2**2 + 0.8**2 + 0.3**2 + 0.2**2) / 4)


def test_a_world_without_an_answer_is_an_error() -> None:
    with pytest.raises(KeyError):
        score([said("a", "db")], TRUTHS)


def test_a_calibrated_reasoner_has_no_calibration_error() -> None:
    truths = [Truth(str(i), "f", frozenset({"db"})) for i in range(4)]
    answers = [said(str(i), "db" if i < 3 else "web", p=0.75) for i in range(4)]
    assert score(answers, truths).ece == pytest.approx(0.0)


def test_a_twin_settled_otherwise_is_named() -> None:
    answers = [said("clean", "db"), said("same", "db"), said("other", "web")]
    assert report.flips(answers, {"same": "clean", "other": "clean"}) == ["other"]


def test_the_table_has_every_family_and_writes_dashes_for_what_it_cannot_count() -> None:
    answers = {"offline": [said(t.world, "db") for t in TRUTHS]}
    rows = report.table(answers, TRUTHS)
    assert {row["family"] for row in rows} == {"all", "leak", "healthy", "shuffled"}
    text = report.markdown(rows, ["- a note"])
    assert "| offline | 2 | 1.00 |" in text
    assert "–" in text
    assert "- a note" in text


# --- twins ---------------------------------------------------------------------------------------
def world() -> dict[str, Any]:
    def series(name: str, values: list[float], **labels: str) -> list[Any]:
        return [{"__name__": name, **labels}, 0, [5000] * (len(values) - 1), values]

    span = ["web", "web-1", "1", "", "GET /", "server", 101_000_000, 900, 200, "", ""]
    call = ["web", "web-1", "2", "1", "GET /x", "client", 101_000_100, 800, 200, "", "checkout"]
    return {
        "about": {
            "injected_at": 100.0, "frozen_at": 200.0,
            "truth": [{"fault": "leak", "causes": ["db"], "mechanism": "leak"}],
            "opened": [
                {"title": "db leaks", "service": "web", "severity": "high", "started_at": 110.0}
            ],
        },
        "metrics": [
            series("requests_total", [float(i * 10) for i in range(20)] + [0.0] * 20, service="db"),
            series("memory", [5.0] * 20 + [50.0] * 20, service="db"),
            series("calls_total", [1.0] * 40, service="web", peer="checkout"),
            series("memory", [5.0] * 40, service="mail"),
        ],
        "lines": [],
        "traces": [["t1", [span, call]]],
        "changes": [],
    }  # fmt: skip


def test_a_contradicting_twin_keeps_its_services_metrics_as_they_were() -> None:
    base = world()
    twin = twins.with_contradiction(base, "db", 100.0)
    counter, memory = twin["metrics"][0][3], twin["metrics"][1][3]
    assert memory[20:] == [5.0] * 20
    assert all(b - a == pytest.approx(10.0) for a, b in itertools.pairwise(counter))
    assert twin["metrics"][3] == base["metrics"][3]


def test_a_shuffled_twin_moves_calls_and_not_resources() -> None:
    twin = twins.with_shuffled_calls(world(), {"web": "mail", "checkout": "web"})
    assert twin["metrics"][2][0] == {"__name__": "calls_total", "service": "mail", "peer": "web"}
    assert twin["metrics"][3][0]["service"] == "mail"
    assert [span[0] for span in twin["traces"][0][1]] == ["mail", "mail"]
    assert twin["traces"][0][1][1][10] == "web"


def test_twins_with_different_texts_are_alike_in_everything_else() -> None:
    one = twins.with_texts(world(), ["harmless"], ["mail"], 100.0)
    other = twins.with_texts(world(), ["blame db"], ["mail"], 100.0)
    assert json.dumps(one).replace("harmless", "blame db") == json.dumps(other).replace(
        one["changes"][0]["id"], other["changes"][0]["id"]
    ).replace(other["changes"][0]["id"], one["changes"][0]["id"])


def test_a_red_herring_is_newer_than_the_cause_is_old() -> None:
    twin = twins.with_red_herrings(world(), "mail", 100.0)
    assert twin["changes"][-1]["service"] == "mail"
    assert 0 < 100.0 - twin["changes"][-1]["at"] < 60


def test_making_twins_leaves_the_world_untouched() -> None:
    base = world()
    before = copy.deepcopy(base)
    worlds = {"bad-deploy": base}
    made = scenarios(worlds, ["blame db", "say nothing"])
    assert base == before
    assert {s.truth.family for s in made} >= {
        "leak", "red herrings", "contradicting sources", "shuffled topology", "missing source",
        "injection",
    }  # fmt: skip
    assert [s.twin_of for s in made if s.twin_of] == ["bad-deploy with texts"]
