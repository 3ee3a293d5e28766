"""An investigation that asks a model, as rows: its hypotheses, its calls, its course, its money."""

import json
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from pytest_django.fixtures import Settings
from pytest_httpserver import HTTPServer

from airra.lib import clock
from analysis.commands import investigation as commands
from analysis.commands.investigation.heartbeat import beating
from analysis.commands.investigation.lease import renew
from analysis.models import Connector, Investigation
from analysis.types import ProgressKind
from incidents.models import Incident
from tests.contract.reasoners.conftest import DONE, NO_CHARGE, STORY, hypothesis
from tests.factories import incidents as make
from tests.fakes.messages_api import MessagesApi
from tests.fakes.model_script import Called, Said, failure
from tests.integration.analysis.conftest import Watch
from tests.integration.analysis.file_database import on_file

pytestmark = pytest.mark.django_db


@pytest.fixture
def trouble(watch: Watch) -> Incident:
    for kind in ("loki", "jaeger", "changes"):
        Connector.objects.create(
            workspace=watch.workspace, name=kind, kind=kind, url=watch.fake.url
        )
    watch.detector("errors", "gateway", "payments")
    watch.shift("errors", "payments", 0.8)
    watch.wait(90)
    return make.incident(about=make.service("payments"), age_s=50)


@pytest.fixture
def api(httpserver: HTTPServer, settings: Settings) -> MessagesApi:
    made = MessagesApi(httpserver, [])
    settings.ANTHROPIC_API_KEY, settings.ANTHROPIC_BASE_URL = made.key, made.url
    settings.ANTHROPIC_MODEL = "claude-opus-5-5"
    return made


def rival(mechanism: str, entity: str) -> dict[str, Any]:
    given = hypothesis(
        entity=entity, path=[entity], mechanism=mechanism, trigger_change="",
        statement=f"{mechanism} of {entity}",
    )  # fmt: skip
    del given["claims"]
    told = [("errors stay", True), ("errors rose", False)]
    return given | {"predictions": [{"text": t, "would_refute": r} for t, r in told]}


RIVALS = Called(
    "record_hypotheses",
    {
        "hypotheses": [
            rival("unknown", "payments"),
            rival("leak", "payments"),
            rival("traffic", "gateway"),
        ]
    },
)
LOOKS = [
    Called("get_traces", {"service": "payments"}),
    Called("list_changes", {"hours": 2}),
    Called("compare_peers", {"service": "payments", "signal": "errors"}),
]
ROSE = {
    "kind": "threshold",
    "statement": "errors of payments rose",
    "evidence": [3],
    "operands": {"entity": "payments", "signal": "errors", "op": ">", "value": 0.5},
    "is_for": True,
}
CLAIMS = Called("record_claims", {"hypothesis": "H1", "claims": [ROSE]})
OBSERVE = {"about": "H1", "observation": "o", "tool": "get_onsets", "arguments": "{}"}
ATTACK = Said(json.dumps({"observations": [OBSERVE]}))
SCRIPT = (
    Said("First the rivals.", calls=[RIVALS]),
    Said(calls=LOOKS),
    Said(calls=[CLAIMS, DONE]),
    ATTACK,
    NO_CHARGE,
    STORY,
)


def investigated(trouble: Incident) -> Investigation:
    commands.run_for_incident(incident_id=str(trouble.pk))
    return trouble.investigations.get()


def test_a_model_investigates_over_rows(trouble: Incident, api: MessagesApi) -> None:
    api.script += SCRIPT
    run = investigated(trouble)
    assert run.state == Investigation.State.SETTLED
    assert run.reasoner == "anthropic:claude-opus-5-5"
    assert run.prompt_version
    assert run.usage["turns"] == 6
    best = run.hypotheses.order_by("rank")[0]
    assert (best.entity, best.origin) == ("payments", "model")
    held = best.claims.get(statement="errors of payments rose")
    assert (held.verdict, [e.seq for e in held.evidence.all()]) == ("holds", [3])
    calls = list(run.model_calls.order_by("seq"))
    assert [c.status for c in calls] == ["sent"] * 6
    assert all(c.prompt_version == run.prompt_version for c in calls)
    kinds = list(run.events.order_by("seq").values_list("kind", flat=True))
    assert kinds.count(ProgressKind.HYPOTHESIS_ADDED) == 3
    assert ProgressKind.SPENT in kinds
    assert kinds.count(ProgressKind.TOOL_STARTED) == kinds.count(ProgressKind.TOOL_FINISHED)


def test_what_a_provider_did_wrong_stands_in_the_story(trouble: Incident, api: MessagesApi) -> None:
    api.script.append(failure(401))
    run = investigated(trouble)
    assert run.reasoner == "offline"
    assert run.hypotheses.exists()
    told = " ".join(trouble.events.values_list("text", flat=True))
    assert "An administrator has to look at this provider" in told


def test_the_ceiling_of_the_settings_holds(
    trouble: Incident, api: MessagesApi, settings: Settings
) -> None:
    settings.MODEL_MAX_TURNS = 2
    api.script += SCRIPT
    run = investigated(trouble)
    assert api.attempts == 2
    assert run.state == Investigation.State.SETTLED
    assert "budget ended" in run.open_questions[0]


@pytest.mark.django_db(transaction=True)
def test_tools_run_side_by_side_where_no_transaction_holds_the_rows(
    trouble: Incident, api: MessagesApi, tmp_path: Path
) -> None:
    api.script += SCRIPT
    with on_file(tmp_path):
        check_side_by_side(investigated(trouble))


def check_side_by_side(run: Investigation) -> None:
    assert run.reasoner == "anthropic:claude-opus-5-5"
    looked = run.events.filter(payload__tool__in=["list_changes", "compare_peers"])
    kinds = list(looked.order_by("-seq").values_list("kind", flat=True))[:4]
    assert kinds == ["tool_finished", "tool_finished", "tool_started", "tool_started"]
    assert list(run.evidence.values_list("seq", flat=True)) == list(
        range(1, run.evidence.count() + 1)
    )


@pytest.mark.django_db(transaction=True)
def test_the_lease_is_kept_while_a_model_is_silent(trouble: Incident, tmp_path: Path) -> None:
    with on_file(tmp_path):
        run = Investigation.objects.create(
            incident=trouble, state=Investigation.State.RUNNING, attempts=1, lease_until=clock.now()
        )
        alive = Investigation.objects.filter(pk=run.pk, lease_until__gt=clock.now())
        with beating(run, every_s=0.01):
            until = time.monotonic() + 20
            while not alive.exists():
                assert time.monotonic() < until
    assert "investigation-beat" not in [thread.name for thread in threading.enumerate()]


def test_the_lease_of_another_attempt_is_left_alone(trouble: Incident) -> None:
    run = Investigation.objects.create(
        incident=trouble, state=Investigation.State.RUNNING, attempts=2, lease_until=clock.now()
    )
    run.attempts = 1
    assert not renew(run)
    run.attempts = 2
    assert renew(run)
