"""Confidence, caps and abstention, as properties of one pure function."""

from hypothesis import given
from hypothesis import strategies as st

from analysis.reasoning.settle import MIN_CONFIDENCE, Candidate, settle
from analysis.types import (
    CheckedClaim,
    ClaimDraft,
    ClaimVerdict,
    Custody,
    EvidenceStatus,
    HypothesisDraft,
    HypothesisState,
    Mechanism,
    Outcome,
    Settlement,
    Weight,
)
from tests.unit.reasoning.world import entry, ledger, usual

FULL = usual()
KINDS = ("threshold", "path", "peer_normal", "change_preceded", "state", "judgement")


def claim(
    kind: str = "threshold",
    *,
    verdict: ClaimVerdict = ClaimVerdict.HOLDS,
    weight: Weight = Weight.STRONG,
    is_for: bool = True,
    source: str = "metrics",
    custody: Custody = Custody.APP_METRIC,
    necessary: bool = False,
) -> CheckedClaim:
    draft = ClaimDraft(kind, kind, (3,), {"necessary": necessary}, is_for=is_for)
    return CheckedClaim(draft, verdict, weight, "", (source,), (custody,))


def candidate(*claims: CheckedClaim, entity: str = "store", score: float = 0.0) -> Candidate:
    draft = HypothesisDraft(
        entity=entity,
        mechanism=Mechanism.LEAK,
        signal="memory",
        statement=f"{entity} leaks",
        origin="offline",
        claims=tuple(c.draft for c in claims),
        score=score,
    )
    return Candidate(draft, claims)


def judged(*candidates: Candidate, offline: bool = False, refuted: bool = True) -> Settlement:
    return settle(candidates, FULL, is_offline=offline, was_refuted=refuted)


PROVEN = (
    claim("threshold"),
    claim("path", source="traces", custody=Custody.TRACE),
    claim("peer_normal"),
    claim("state", weight=Weight.DECISIVE, source="platform", custody=Custody.PLATFORM_API),
)


def test_a_proven_cause_is_called_one() -> None:
    found = judged(candidate(*PROVEN), candidate(claim("judgement", weight=Weight.WEAK)))
    assert found.outcome is Outcome.ROOT_CAUSE_IDENTIFIED
    assert found.hypotheses[0].state is HypothesisState.SUPPORTED
    assert found.hypotheses[0].confidence > 0.7


def test_no_path_no_root_cause() -> None:
    found = judged(candidate(*(c for c in PROVEN if c.draft.kind != "path")))
    assert found.outcome is not Outcome.ROOT_CAUSE_IDENTIFIED
    assert found.hypotheses[0].confidence <= 0.55


def test_a_necessary_claim_that_fails_refutes() -> None:
    needed = claim("change_preceded", verdict=ClaimVerdict.FAILS, necessary=True)
    found = judged(candidate(*PROVEN, needed))
    assert found.hypotheses[0].state is HypothesisState.REFUTED
    assert found.hypotheses[0].confidence <= 0.05
    assert found.outcome is Outcome.INCONCLUSIVE


def test_being_refuted_never_helps_what_much_speaks_against() -> None:
    """Found by chance: the score of the refuted was better than that of one with no hope."""
    hopeless = [
        claim("state", weight=Weight.DECISIVE, is_for=False, source=source)
        for source in ("platform", "metrics")
    ]
    needed = claim("change_preceded", verdict=ClaimVerdict.FAILS, necessary=True)
    before, after = judged(candidate(*hopeless)), judged(candidate(*hopeless, needed))
    assert after.hypotheses[0].state is HypothesisState.REFUTED
    assert after.hypotheses[0].confidence <= before.hypotheses[0].confidence


def test_offline_alone_is_never_surer_than_seventy_percent() -> None:
    found = judged(candidate(*PROVEN, score=9.0), offline=True)
    assert found.hypotheses[0].confidence <= 0.70
    assert any("offline" in cap for cap in found.hypotheses[0].caps)


def test_only_text_of_others_is_tainted_and_capped() -> None:
    text = {"source": "logs", "custody": Custody.APP_TEXT, "weight": Weight.STRONG}
    found = judged(candidate(claim("template_spike", **text), claim("quote", **text)))  # type: ignore[arg-type]  # one dict for three keywords
    assert found.hypotheses[0].is_tainted
    assert found.hypotheses[0].confidence <= 0.40


def test_two_equal_rivals_are_no_answer() -> None:
    found = judged(candidate(*PROVEN), candidate(*PROVEN, entity="middle"))
    assert found.outcome is Outcome.INCONCLUSIVE


def test_nothing_proposed_over_silent_sources_is_blocked_not_healthy() -> None:
    silent = ledger(
        entry(1, "get_topology"),
        entry(3, "get_onsets", status=EvidenceStatus.NO_DATA, coverage=0.0),
    )
    assert settle([], silent, is_offline=True, was_refuted=False).outcome is Outcome.BLOCKED
    assert judged().outcome is Outcome.INCONCLUSIVE


def test_nothing_was_looked_at() -> None:
    found = settle([], ledger(), is_offline=True, was_refuted=False)
    assert found.outcome is Outcome.COULD_NOT_INVESTIGATE


@st.composite
def candidates(draw: st.DrawFn) -> list[Candidate]:
    made = []
    for place in range(draw(st.integers(0, 5))):
        claims = [
            claim(
                draw(st.sampled_from(KINDS)),
                verdict=draw(st.sampled_from(ClaimVerdict)),
                weight=draw(st.sampled_from(Weight)),
                is_for=draw(st.booleans()),
                source=draw(st.sampled_from(["metrics", "traces", "changes"])),
                custody=draw(st.sampled_from(Custody)),
                necessary=draw(st.booleans()),
            )
            for _ in range(draw(st.integers(1, 5)))
        ]
        made.append(candidate(*claims, entity=f"s{place}", score=draw(st.floats(-5, 5))))
    return made


@given(candidates(), st.booleans(), st.booleans())
def test_whatever_comes_in_the_numbers_make_sense(
    given_: list[Candidate], offline: bool, refuted: bool
) -> None:
    found = settle(given_, FULL, is_offline=offline, was_refuted=refuted)
    shares = [h.confidence for h in found.hypotheses]
    assert all(0 <= share <= 1 for share in shares)
    assert sum(shares) <= 1 + 1e-6
    assert shares == sorted(shares, reverse=True)
    if found.outcome is Outcome.ROOT_CAUSE_IDENTIFIED:
        best = found.hypotheses[0]
        assert best.state is HypothesisState.SUPPORTED
        assert best.confidence >= MIN_CONFIDENCE
        assert any(c.draft.kind == "path" for c in best.claims)


@given(candidates(), st.randoms())
def test_the_order_of_rivals_decides_nothing(given_: list[Candidate], chance: object) -> None:
    shuffled = list(given_)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]  # hypothesis gives a random.Random
    one, other = judged(*given_), judged(*shuffled)
    assert [h.confidence for h in one.hypotheses] == [h.confidence for h in other.hypotheses]
    assert one.outcome is other.outcome


@given(candidates())
def test_one_more_reason_for_it_never_hurts(given_: list[Candidate]) -> None:
    if not given_:
        return
    first, *rest = given_
    more = Candidate(first.draft, (*first.claims, claim("threshold", source="new")))
    before = next(h for h in judged(*given_).hypotheses if h.draft is first.draft)
    after = next(h for h in judged(more, *rest).hypotheses if h.draft is first.draft)
    assert after.confidence >= before.confidence - 1e-9
