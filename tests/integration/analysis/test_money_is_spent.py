"""The ceiling of the day is reached: everything is investigated all the same, and says so."""

import pytest
from pytest_django import DjangoCaptureOnCommitCallbacks
from pytest_django.fixtures import Settings
from pytest_httpserver import HTTPServer

from analysis.commands import investigation as commands
from analysis.models import Investigation, ModelCall, ModelProvider
from incidents.models import Incident
from tests.factories import incidents as make
from tests.fakes.messages_api import MessagesApi
from tests.integration.analysis.conftest import Watch

pytestmark = pytest.mark.django_db
TROUBLES = 8  # more than begin in a minute


@pytest.fixture
def api(httpserver: HTTPServer, settings: Settings, watch: Watch) -> MessagesApi:
    """A model with a price, and a day on which no call can be paid."""
    made = MessagesApi(httpserver, [])
    ModelProvider.objects.create(
        workspace=watch.workspace,
        name="claude",
        kind="anthropic",
        model="claude-opus-5-5",
        base_url=made.url,
        input_usd=4.0,
        output_usd=20.0,
    )
    settings.MODEL_DAY_BUDGET_USD = 0.01
    return made


def test_nothing_is_dropped_when_the_money_is_spent(
    watch: Watch,
    api: MessagesApi,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    for number in range(TROUBLES):
        caller, callee = make.service(f"caller-{number}"), make.service(f"callee-{number}")
        caller.calls.create(callee=callee)
        make.incident(about=caller, age_s=60)
    for _ in range(15):
        watch.wait(10)
        with django_capture_on_commit_callbacks(execute=True):
            commands.sweep()
    assert api.attempts == 0
    runs = list(Investigation.objects.all())
    assert {run.incident_id for run in runs} == set(Incident.objects.values_list("pk", flat=True))
    assert {(run.state, run.reasoner, run.ended) for run in runs} == {
        (Investigation.State.SETTLED, "offline", "money")
    }
    assert set(ModelCall.objects.values_list("status", flat=True)) == {"blocked"}
    for incident in Incident.objects.all():
        told = " ".join(incident.events.values_list("text", flat=True))
        assert "the budget ended" in told
        assert "of today" in told
