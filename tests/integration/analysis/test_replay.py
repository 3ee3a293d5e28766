"""Any investigation plays again from its rows, byte for byte, and nothing is sent."""

import pytest
from django.core.management import CommandError, call_command
from pytest_django.fixtures import Settings

from airra.lib.sealed import unseal
from analysis.commands import investigation as commands
from analysis.commands.preview import would_send
from analysis.commands.replay import CannotReplay, replay
from analysis.models import Connector, Evidence, ModelCall, ModelPayload
from incidents.models import Incident
from incidents.permissions import Role
from tests.factories import incidents as make
from tests.fakes.messages_api import MessagesApi
from tests.fakes.model_script import failure
from tests.integration.analysis.test_model_investigation import (
    SCRIPT,
    api,  # noqa: F401 - a fixture
    investigated,
    trouble,  # noqa: F401 - a fixture
)

pytestmark = pytest.mark.django_db


def test_it_asks_the_same_bytes_and_comes_to_the_same_end(
    trouble: Incident,  # noqa: F811
    api: MessagesApi,  # noqa: F811
    capsys: pytest.CaptureFixture[str],
) -> None:
    api.script += SCRIPT
    made = investigated(trouble)
    sent, rows = api.attempts, ModelCall.objects.count()
    done = replay(investigation=made)
    assert done.differences == ()
    assert done.calls == 6
    assert done.found is not None
    assert done.found.reasoner == made.reasoner
    assert (api.attempts, ModelCall.objects.count()) == (sent, rows)
    call_command("airra_replay", str(made.pk))
    assert "byte for byte" in capsys.readouterr().out


def test_failures_and_budgets_are_played_too(
    trouble: Incident,  # noqa: F811
    api: MessagesApi,  # noqa: F811
    settings: Settings,
) -> None:
    settings.MODEL_MAX_TURNS = 3
    api.script += [failure(400), *SCRIPT]
    made = investigated(trouble)
    assert replay(investigation=made).differences == ()


def test_without_a_model_the_ledger_plays(trouble: Incident) -> None:  # noqa: F811
    done = replay(investigation=investigated(trouble))
    assert (done.calls, done.differences) == (0, ())


def test_notes_of_people_are_heard_at_the_same_question(
    trouble: Incident,  # noqa: F811
    api: MessagesApi,  # noqa: F811
) -> None:
    person = make.person(Role.RESPONDER)
    made = commands.start(incident=trouble, by=person)
    commands.steer(investigation=made, text="look at payments first", by=person)
    api.script += SCRIPT
    made = investigated(trouble)
    assert any("look at payments first" in str(body) for body in api.bodies)
    assert replay(investigation=made).differences == ()


def test_another_ledger_is_a_difference(
    trouble: Incident,  # noqa: F811
    api: MessagesApi,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its rows cannot be changed, so the reading of one is."""
    api.script += SCRIPT
    made = investigated(trouble)
    read = Evidence.from_db.__func__  # type: ignore[attr-defined] # a classmethod

    def altered(cls: type[Evidence], *given: object) -> Evidence:
        row: Evidence = read(cls, *given)
        row.summary = "something else" if row.seq == 3 else row.summary
        return row

    monkeypatch.setattr(Evidence, "from_db", classmethod(altered))
    with pytest.raises(CommandError, match="differences"):
        call_command("airra_replay", str(made.pk))
    assert any("something else" in told for told in replay(investigation=made).differences)


def test_without_its_payloads_it_says_so(
    trouble: Incident,  # noqa: F811
    api: MessagesApi,  # noqa: F811
) -> None:
    api.script += SCRIPT
    made = investigated(trouble)
    ModelPayload.objects.filter(call__seq=2).delete()
    with pytest.raises(CannotReplay, match="call 2 is deleted"):
        replay(investigation=made)


def test_the_preview_is_the_first_request_and_sends_nothing(
    trouble: Incident,  # noqa: F811
    api: MessagesApi,  # noqa: F811
) -> None:
    api.script += SCRIPT
    made = investigated(trouble)
    sent, rows = api.attempts, ModelCall.objects.count()
    (first, *_) = would_send(incident=trouble)
    assert (api.attempts, ModelCall.objects.count()) == (sent, rows)
    assert first.body == unseal(
        ModelPayload.objects.get(call__investigation=made, call__seq=1).request
    )


def test_what_may_not_leave_is_not_in_the_preview(
    trouble: Incident,  # noqa: F811
    api: MessagesApi,  # noqa: F811
) -> None:
    api.script += SCRIPT
    investigated(trouble)
    assert b"errors" in would_send(incident=trouble)[0].body
    Connector.objects.update(leave_policy=Connector.Leaving.NEVER)
    assert b"may not leave" in would_send(incident=trouble)[0].body


def test_without_a_model_nothing_would_be_sent(trouble: Incident) -> None:  # noqa: F811
    assert would_send(incident=trouble) == []
