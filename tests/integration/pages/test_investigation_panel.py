"""The panel of an investigation: while it runs, when it abstains, when another answers for it."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.test import Client

from airra.lib import clock
from analysis.commands.investigation import course
from analysis.models import Investigation, SharedInvestigation
from analysis.types import Progress, ProgressKind
from incidents.lifecycle import State
from incidents.models import Incident
from tests.factories import analysis
from tests.factories import incidents as make

pytestmark = pytest.mark.django_db
Kind = ProgressKind
HTMX = {"HX-Request": "true"}
HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture
def run() -> Investigation:
    about = make.incident(about=make.service("search"), state=State.ANALYSING)
    return analysis.investigation(
        about,
        state="running",
        stage="Gathering evidence",
        outcome="",
        summary="",
        finished_at=None,
        lease_until=clock.now(),
    )


def answered(seq: int, **payload: object) -> Progress:
    values = {"tool": "get_onsets", "evidence": seq, "status": "partial", "coverage": 0.6,
              "facts": 7, "native_query": "up == 0", **payload}  # fmt: skip
    return Progress(Kind.TOOL_FINISHED, f"answer {seq} {HOSTILE}", values)


def page(client: Client, of: Investigation) -> str:
    return client.get(f"/incidents/{of.incident.key}/").content.decode()


def test_what_runs_tells_questions_claims_money_and_troubles(
    as_responder: Client, run: Investigation
) -> None:
    course.tell(
        run,
        Progress(Kind.STAGE, "Testing hypotheses", {"says": "Comparing search with its peers."}),
        Progress(Kind.TOOL_STARTED, "get_onsets"),
        answered(1),
        Progress(Kind.TOOL_STARTED, "compare_peers search"),
        Progress(Kind.SPENT, "1 turn", {"usd": 0.114}),
        Progress(Kind.PROVIDER_SWITCHED, "claude gave up (529); offline took over"),
        Progress(Kind.HYPOTHESIS_ADDED, "search burns CPU"),
        Progress(Kind.CLAIM_CHECKED, "search was deployed",
                 {"verdict": "fails", "why": "no change in the last hour", "evidence": [1]}),
    )  # fmt: skip
    shown = page(as_responder, run)
    for words in (
        "Testing hypotheses", "Comparing search with its peers.", "[E1 get_onsets]", "up == 0",
        "partial, 7 facts, 60 % covered", "compare_peers search", "$0.11", "of at most $2.00",
        "claude gave up (529); offline took over", "search burns CPU",
        "the data say: no change in the last hour", f"/investigations/{run.pk}/evidence/1/",
        "Cancel</button>", "Steer the investigation",
    ):  # fmt: skip
        assert words in shown, words
    assert HOSTILE not in shown


def test_a_viewer_watches_and_may_do_nothing(as_viewer: Client, run: Investigation) -> None:
    shown = page(as_viewer, run)
    assert "Gathering evidence" in shown
    for words in ("Cancel</button>", "Steer the investigation", "Add a hypothesis"):
        assert words not in shown


def test_a_poll_answers_once_something_was_told(as_responder: Client, run: Investigation) -> None:
    path = f"/incidents/{run.incident.key}/live/"
    tag = as_responder.get(path).headers["HX-PTag"]
    assert as_responder.get(path, headers={"HX-PTag": tag}).status_code == 304
    course.tell(run, answered(1))
    answer = as_responder.get(path, headers={"HX-PTag": tag})
    assert answer.status_code == 200
    assert "[E1 get_onsets]" in answer.content.decode()


def test_what_people_say_shows_whether_it_was_read(
    as_responder: Client, run: Investigation, responder: User
) -> None:
    path = f"/investigations/{run.pk}/steer/"
    answer = as_responder.post(path, {"text": f"look at {HOSTILE}"}, headers=HTMX)
    assert answer.status_code == 200
    assert answer.headers["HX-Trigger"] == '{"incident-changed": {}}'
    shown = page(as_responder, run)
    assert "not read yet" in shown
    assert HOSTILE not in shown
    course.tell(run, Progress(Kind.GUIDANCE, "took it in"))
    assert "taken in" in page(as_responder, run)


@pytest.mark.parametrize("text", ["", "x" * 501])
def test_a_note_that_will_not_do_is_told_beside_the_field(
    as_responder: Client, run: Investigation, text: str
) -> None:
    answer = as_responder.post(f"/investigations/{run.pk}/steer/", {"text": text}, headers=HTMX)
    assert answer.status_code == 422
    assert "problem" in answer.content.decode()
    assert run.events.count() == 0


def test_an_abstention_is_a_result(as_viewer: Client) -> None:
    about = make.incident(about=make.service("inventory"))
    run = analysis.investigation(
        about, outcome="inconclusive", open_questions=["Ask Loki again."], summary="No cause."
    )
    analysis.evidence(run, 1, status="error", summary="Loki did not answer within 10 s")
    analysis.hypothesis(run, statement="inventory is odd", confidence=0.38, state="inconclusive")
    shown = page(as_viewer, run)
    for words in (
        "No cause established", "Strongest lead", "inventory is odd", "What would settle it",
        "Ask Loki again.", "Without an answer", "Loki did not answer within 10 s",
        "Uncalibrated: 0 of 10 verdicts",
    ):  # fmt: skip
        assert words in shown, words


def test_an_incident_shows_the_investigation_that_answers_for_it(as_viewer: Client) -> None:
    leader = make.incident(about=make.service("payments"))
    run = analysis.settled(leader)
    follower = make.incident(about=make.service("checkout"))
    SharedInvestigation.objects.create(
        investigation=run, incident=follower, reason="1 hop and 4 s apart"
    )
    shown = as_viewer.get(f"/incidents/{follower.key}/").content.decode()
    assert "Looked into together with" in shown
    assert f"/incidents/{leader.key}/#hypotheses" in shown
    assert "payments leaks memory until it swaps" in shown


def test_earlier_investigations_and_their_evidence_stay_in_reach(
    as_viewer: Client, story: Incident
) -> None:
    first = story.investigations.get()
    analysis.investigation(story, summary="second")
    assert f"/investigations/{first.pk}/" in page(as_viewer, first)
    earlier = as_viewer.get(f"/investigations/{first.pk}/").content.decode()
    assert "payments leaks memory until it swaps" in earlier
    evidence = as_viewer.get(f"/investigations/{first.pk}/evidence/1/")
    assert "process_resident_memory_bytes" in evidence.content.decode()


@pytest.mark.parametrize(
    ("ended", "button"), [("money", "Go on with a new budget"), ("concluded", "Look again")]
)
def test_what_a_budget_ended_goes_on_with_one_click(
    as_responder: Client, ended: str, button: str
) -> None:
    about = make.incident(about=make.service("payments"), state=State.ANALYSING)
    run = analysis.investigation(about, ended=ended, outcome="inconclusive")
    assert button in page(as_responder, run)
    assert as_responder.post(f"/incidents/{about.key}/investigate/").status_code == 302
    assert about.investigations.count() == 2
    assert run.evidence.count() == 0


def test_a_running_page_asks_the_same_few_questions(
    queries_of: Callable[[str], int], run: Investigation, responder: User
) -> None:
    path = f"/incidents/{run.incident.key}/"
    course.tell(run, answered(1))
    with_one = queries_of(path)
    for number in range(2, 120):
        course.tell(run, answered(number))
        course.append(run, Kind.NOTE, "a note", by=responder)
        analysis.evidence(run, number)
    assert queries_of(path) == with_one <= 15


def test_the_page_of_one_asks_the_same_few_questions(
    queries_of: Callable[[str], int], story: Incident
) -> None:
    run = story.investigations.get()
    path = f"/investigations/{run.pk}/"
    with_one = queries_of(path)
    for number in range(6, 100):
        analysis.claim(
            run.hypotheses.earliest("rank"), f"claim {number}", analysis.evidence(run, number)
        )
        course.append(run, Kind.CLAIM_CHECKED, "a claim", payload={"evidence": [number]})
    assert queries_of(path) <= max(with_one, 12)
