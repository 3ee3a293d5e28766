"""Investigations in every standing: under way, cancelled, abstaining, shared, by a model, again."""

from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User

from airra.lib import clock
from analysis.commands.investigation import course
from analysis.models import Investigation, SharedInvestigation
from analysis.types import (
    ClaimVerdict,
    HypothesisState,
    Mechanism,
    Outcome,
    Progress,
    ProgressKind,
    Weight,
)
from incidents.lifecycle import Severity, State
from incidents.models import Incident
from tests.factories import analysis
from tests.factories import incidents as make

Kind = ProgressKind
QUERY = (
    "histogram_quantile(0.99, sum by (le, service) (rate(http_request_duration_seconds_bucket"
    '{service=~"search|gateway"}[1m])))'
)


def tell(run: Investigation, *told: tuple[ProgressKind, str, dict[str, Any]]) -> None:
    course.tell(run, *(Progress(kind, text, payload) for kind, text, payload in told))


def answered(seq: int, tool: str, text: str, **payload: Any) -> tuple[ProgressKind, str, Any]:
    values = {"tool": tool, "evidence": seq, "status": "ok", "coverage": 1.0, "facts": 6}
    return (Kind.TOOL_FINISHED, text, {**values, **payload})


def checked(text: str, verdict: str, *seqs: int, why: str = "") -> tuple[ProgressKind, str, Any]:
    payload = {"verdict": verdict, "evidence": list(seqs), "why": why, "is_for": True}
    return (Kind.CLAIM_CHECKED, text, payload)


def under_way(run: Investigation, who: dict[str, User]) -> None:
    """A model at work: half of its answers are there, one claim failed, a person steers."""
    tell(
        run,
        (Kind.STAGE, "Gathering evidence", {}),
        (Kind.TOOL_STARTED, "get_topology", {"tool": "get_topology"}),
        answered(1, "get_topology", "6 services, 8 calls seen within the hour", facts=8),
        (Kind.TOOL_STARTED, "get_onsets", {"tool": "get_onsets"}),
        answered(2, "get_onsets", "cpu of search rose from 31 % to 97 %", native_query=QUERY),
        (Kind.TOOL_STARTED, "search_logs search", {"tool": "search_logs"}),
        answered(
            3,
            "search_logs",
            "Loki did not answer within 10 s",
            status="error",
            coverage=0.0,
            facts=0,
            native_query='{service="search"} |= ""',
        ),
        (Kind.TOOL_STARTED, "get_traces search", {"tool": "get_traces"}),
        answered(4, "get_traces", "calls of gateway to search take 2.4 s", coverage=0.6),
    )
    for seq, tool in ((2, "get_onsets"), (3, "search_logs"), (4, "get_traces")):
        analysis.evidence(run, seq, tool=tool, native_query=QUERY)
    text = "look at the index rebuild of search, it ran at this hour last Tuesday too"
    course.append(run, Kind.NOTE, text, by=who["responder"])
    tell(
        run,
        (Kind.GUIDANCE, text, {"author": "Remi Okafor"}),
        (Kind.STAGE, "Testing hypotheses", {"says": "Comparing the CPU of search with traffic."}),
        (
            Kind.PROVIDER_SWITCHED,
            "anthropic:claude-opus-5-5 gave up (overloaded, 529); openai:gpt-6.1-sol took over",
            {},
        ),
        (Kind.SPENT, "3 turns, 18,420 tokens", {"usd": 0.114, "input_tokens": 18420}),
        (Kind.HYPOTHESIS_ADDED, "search rebuilds its index and burns CPU", {"entity": "search"}),
    )
    course.append(
        run,
        Kind.HYPOTHESIS_ADDED,
        "the nightly export reads through search",
        payload={
            "entity": "search",
            "mechanism": "job",
            "statement": "the nightly export reads through search",
        },
        by=who["approver"],
    )
    tell(
        run,
        checked("cpu of search rose before its latency did", "holds", 2),
        checked("search was deployed before it", "fails", 1, why="no change in the last hour"),
        checked("the index is larger than usual", "uncheckable"),
        (Kind.TOOL_STARTED, "compare_peers search cpu", {"tool": "compare_peers"}),
    )
    course.append(run, Kind.NOTE, "and ask the search team", by=who["responder"])


def running(about: Incident, who: dict[str, User]) -> None:
    run = analysis.investigation(
        about,
        state=Investigation.State.RUNNING,
        stage="Testing hypotheses",
        outcome="",
        summary="",
        started_at=clock.now() - timedelta(seconds=74),
        finished_at=None,
        lease_until=clock.now() + timedelta(hours=9),
    )
    analysis.evidence(run, 1, summary="cpu of search rose from 31 % to 97 %")
    under_way(run, who)


def cancelled(who: dict[str, User]) -> None:
    about = make.incident(
        title="fax: queue of 900 pages",
        about=make.service("fax"),
        severity=Severity.LOW,
        state=State.NO_SAFE_ACTION,
        age_s=900,
    )
    run = analysis.investigation(
        about,
        state=Investigation.State.CANCELLED,
        outcome="",
        summary="",
        error="cancelled",
        cancelled_by=who["responder"],
    )
    analysis.evidence(run, 1)


def shared(about: Incident) -> None:
    """An incident of the same storm as another, and answered for by it."""
    other = make.incident(
        title="checkout: 12 % of the calls to payments fail",
        about=make.service("checkout"),
        state=State.OPEN,
        source="alert",
        age_s=200,
    )
    SharedInvestigation.objects.create(
        investigation=about.investigations.latest("created_at"),
        incident=other,
        reason="1 hop and 40 s apart",
    )


def by_a_model() -> None:
    """A model's cause with a decisive path, a failed claim, a tainted rival; the second look."""
    about = make.incident(
        title="bank: card checks fail",
        about=make.service("bank"),
        state=State.ANALYSING,
        age_s=700,
    )
    first = analysis.investigation(
        about,
        outcome=Outcome.INCONCLUSIVE,
        summary="No cause established. Strongest lead: the certificate of bank ran out (41 %).",
        created_at=clock.now() - timedelta(minutes=9),
        finished_at=clock.now() - timedelta(minutes=8),
    )
    analysis.evidence(first, 1)
    run = analysis.investigation(
        about,
        outcome=Outcome.ROOT_CAUSE_IDENTIFIED,
        reasoner="anthropic:claude-opus-5-5",
        summary="Most likely: the pool of checkout ran out when bank slowed down (82 %).",
        open_questions=["Whether bank slowed down by itself: its own metrics are not connected."],
        second_opinion="The offline reasoner names bank too.",
        narrative="bank slowed down first.\n\ncheckout held its 50 connections and waited.",
        ended="turns",
        usage={"input_tokens": 41200, "output_tokens": 3900, "cache_read_tokens": 118000},
    )
    pool = analysis.evidence(run, 1, tool="get_onsets", summary="connections of checkout: 50 of 50")
    edges = analysis.evidence(run, 2, tool="get_topology", summary="gateway → checkout → bank")
    logs = analysis.evidence(
        run, 3, tool="search_logs", custody="app_text", summary="“timeout from bank”, 812 times"
    )
    cause = analysis.hypothesis(
        run,
        entity="bank",
        mechanism=Mechanism.DEPENDENCY,
        statement="bank, which checkout waits for, no longer answers in time",
        path=["bank", "checkout", "gateway", "edge-proxy-of-the-shop"],
        origin="model",
        confidence=0.82,
        caps=[],
        predictions=[
            "checkout stays slow while it does not call bank.",
            "Other callers of bank are well.",
        ],
    )
    analysis.claim(cause, "bank slowed down before checkout did", pool, weight=Weight.DECISIVE)
    analysis.claim(cause, "the way to the symptom: bank → checkout → gateway", edges, kind="path")
    analysis.claim(
        cause,
        "checkout was deployed five minutes before",
        edges,
        verdict=ClaimVerdict.FAILS,
        explanation="the last change of checkout was 3 h 12 m before",
    )
    text = analysis.hypothesis(
        run,
        2,
        entity="checkout",
        mechanism=Mechanism.CONFIG,
        statement="a configuration said so in the logs of checkout",
        path=["checkout"],
        origin="model",
        state=HypothesisState.INCONCLUSIVE,
        confidence=0.12,
        caps=["at most 40 %: only texts that others can write speak for it"],
        is_tainted=True,
    )
    analysis.claim(text, "a new log line speaks of a timeout", logs, weight=Weight.WEAK)
    person = analysis.hypothesis(
        run,
        3,
        entity="checkout",
        mechanism=Mechanism.LEAK,
        statement="checkout leaks, as in May",
        origin="human",
        state=HypothesisState.REFUTED,
        confidence=0.03,
        caps=["at most 5 %: something it needs is not so"],
    )
    analysis.claim(person, "memory of checkout rose", pool, verdict=ClaimVerdict.FAILS,
                   explanation="it stayed at 210 MiB")  # fmt: skip


def abstaining() -> Incident:
    """No cause, but a lead; and sources without an answer."""
    about = make.incident(
        title="inventory: stock counts drift",
        about=make.service("inventory"),
        severity=Severity.MEDIUM,
        state=State.NO_SAFE_ACTION,
        age_s=7300,
    )
    blind = analysis.investigation(
        about,
        outcome=Outcome.INCONCLUSIVE,
        summary="No cause established. Strongest lead: something inside inventory that is not "
        "measured raises its errors (38 %).",
        open_questions=[
            "Ask Loki for the logs of inventory once it answers again.",
            "Errors of inventory recover while nothing is done to it.",
        ],
    )
    analysis.evidence(
        blind,
        1,
        tool="search_logs",
        status="error",
        coverage=0.0,
        summary="Loki did not answer within 10 s",
    )
    errors = analysis.evidence(blind, 2, summary="errors of inventory rose from 0.1 % to 4 %")
    lead = analysis.hypothesis(
        blind,
        entity="inventory",
        mechanism=Mechanism.UNKNOWN,
        statement="something inside inventory that is not measured raises its errors",
        path=["inventory"],
        state=HypothesisState.INCONCLUSIVE,
        confidence=0.38,
        caps=["at most 50 %: no decisive claim holds", "at most 60 %: one source only"],
    )
    analysis.claim(lead, "errors of inventory rose from 0.1 % to 4 %", errors)
    return about
