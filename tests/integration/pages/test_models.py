"""The chain of models on its page, and what left for them on another."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django.fixtures import Settings

from analysis.commands import model_call
from analysis.commands.model_budget import Spend
from analysis.models import Connector, Investigation, ModelProvider
from analysis.queries.model_calls import broken
from analysis.queries.providers import chain_of, providers_for
from analysis.types import CallStatus, Estimate, Tokens
from incidents.models import AuditEvent, Workspace
from tests.factories import incidents as make
from tests.factories.model_calls import BODY, RECORDED, call

pytestmark = pytest.mark.django_db
FORM = {
    "kind": "anthropic", "name": "Claude", "model": "claude-opus-5-5", "effort": "medium",
    "base_url": "", "secret_ref": "CLAUDE", "rank": "1", "input_usd": "", "output_usd": "",
    "is_enabled": "on",
}  # fmt: skip


@pytest.fixture
def as_admin(admin_user: User) -> Client:
    browser = Client()
    browser.force_login(admin_user)
    return browser


@pytest.fixture
def investigation(workspace: Workspace) -> Investigation:
    return Investigation.objects.create(incident=make.incident(), attempts=1)


def text_of(browser: Client, path: str) -> str:
    return browser.get(path).content.decode()


def test_without_rows_the_environment_is_asked(workspace: Workspace, settings: Settings) -> None:
    assert providers_for(workspace) == []
    settings.OPENAI_API_KEY = "o"
    settings.ANTHROPIC_API_KEY = "a"
    chain = providers_for(workspace)
    assert [(c.model, c.api_key) for c in chain] == [("claude-opus-5-5", "a"), ("gpt-6.1-sol", "o")]
    assert chain[0].price is not None
    assert "30 days" in chain[0].retention


def test_rows_come_first_in_their_rank(workspace: Workspace, settings: Settings) -> None:
    settings.ANTHROPIC_API_KEY = "a"
    row = {"workspace": workspace, "model": "llama", "base_url": "http://127.0.0.1:1"}
    ModelProvider.objects.create(**row, name="second", kind="openai", rank=2)
    ModelProvider.objects.create(**row, name="first", kind="anthropic", rank=1)
    ModelProvider.objects.create(**row, name="off", kind="openai", rank=3, is_enabled=False)
    assert [c.name for c in providers_for(workspace)] == ["first", "second"]
    assert providers_for(workspace)[0].price is None


def test_the_key_of_the_environment_goes_to_the_vendor_only(
    workspace: Workspace, settings: Settings
) -> None:
    settings.ANTHROPIC_API_KEY = "a-secret"
    ModelProvider.objects.create(
        workspace=workspace, name="x", kind="anthropic", model="m", base_url="http://127.0.0.1:1"
    )
    assert providers_for(workspace)[0].api_key != "a-secret"


def test_a_link_without_its_key_is_shown_and_not_asked(workspace: Workspace) -> None:
    ModelProvider.objects.create(
        workspace=workspace, name="x", kind="openai", model="gpt-6.1-sol", secret_ref="GONE"
    )
    assert providers_for(workspace) == []
    assert "AIRRA_SECRET_GONE" in chain_of(workspace)[0].problem


def test_an_admin_adds_changes_and_removes_one(
    as_admin: Client, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRRA_SECRET_CLAUDE", "k")
    form = {**FORM, "workspace": str(workspace.pk)}
    assert as_admin.post("/models/add/", form).status_code == 302
    page = text_of(as_admin, "/models/")
    assert "claude-opus-5-5" in page
    assert "$4 in, $20 out" in page
    assert "30 days" in page
    row = ModelProvider.objects.get()
    changed = {**form, "input_usd": "3", "output_usd": "9"}
    as_admin.post(f"/models/{row.pk}/", changed)
    assert "$3 in, $9 out" in text_of(as_admin, "/models/")
    as_admin.post(f"/models/{row.pk}/remove/")
    assert not ModelProvider.objects.exists()
    kinds = AuditEvent.objects.filter(kind__startswith="model_provider").values_list("kind")
    assert {k.split(".")[1] for (k,) in kinds} == {"created", "changed", "removed"}


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("secret_ref", "NOT_THERE", "AIRRA_SECRET_NOT_THERE is not set"),
        ("base_url", "localhost:80", "begins with http"),
        ("input_usd", "3", "both prices"),
    ],
)
def test_what_could_only_fail_is_refused(
    as_admin: Client,
    workspace: Workspace,
    monkeypatch: pytest.MonkeyPatch,
    field: str,
    value: str,
    words: str,
) -> None:
    monkeypatch.setenv("AIRRA_SECRET_CLAUDE", "k")
    answer = as_admin.post("/models/add/", {**FORM, "workspace": str(workspace.pk), field: value})
    assert answer.status_code == 422
    assert words in answer.content.decode()


def test_the_page_says_what_today_cost(as_admin: Client, investigation: Investigation) -> None:
    budget = Spend(investigation)
    budget.reconcile(budget.reserve(Estimate(1, 1, 0.5)), Tokens(), 0.25, is_turn=True)
    page = text_of(as_admin, "/models/")
    assert "$0.25" in page
    assert "$20.00" in page


def test_calls_are_listed_with_their_end(
    as_admin: Client, investigation: Investigation, responder: User
) -> None:
    model_call.record(investigation=investigation, call=call())
    blocked = call(status=CallStatus.BLOCKED, reason="held a cloud key", recorded=None)
    model_call.record(investigation=investigation, call=blocked)
    path = f"/investigations/{investigation.pk}/sent/"
    page = text_of(as_admin, path)
    assert "Record whole" in page
    assert "held a cloud key" in page
    assert f"{path}1/" in page
    assert f"{path}2/" not in page
    other = Client()
    other.force_login(responder)
    assert f"{path}1/" not in text_of(other, path)


def test_the_exact_bytes_are_shown_escaped_and_reading_is_on_record(
    as_admin: Client, investigation: Investigation
) -> None:
    evil = replace(RECORDED, response=b"<script>alert(1)</script>")
    model_call.record(investigation=investigation, call=call(recorded=evil))
    path = f"/investigations/{investigation.pk}/sent/1/"
    page = text_of(as_admin, path)
    assert "why?" in page
    assert "<script>alert" not in page
    assert as_admin.get(f"{path}request.txt").content == BODY
    assert as_admin.get(f"{path}answer.txt").content == evil.response
    assert as_admin.get(f"{path}other.txt").status_code == 404
    assert AuditEvent.objects.filter(kind="model_payload.read").count() == 3


def test_a_deleted_payload_is_said_to_be(as_admin: Client, investigation: Investigation) -> None:
    row = model_call.record(investigation=investigation, call=call())
    row.payload.delete()
    assert "deleted" in text_of(as_admin, f"/investigations/{investigation.pk}/sent/1/")


def test_a_broken_record_is_said_to_be(as_admin: Client, investigation: Investigation) -> None:
    row = model_call.record(investigation=investigation, call=call())
    assert broken([row]) == []
    row.cost_microusd = 1
    assert broken([row]) == [1]


def test_many_calls_cost_no_more_queries_than_one(
    queries_of: Callable[[str], int], investigation: Investigation
) -> None:
    path = f"/investigations/{investigation.pk}/sent/"
    model_call.record(investigation=investigation, call=call())
    with_one = queries_of(path)
    for _ in range(5):
        model_call.record(investigation=investigation, call=call())
    assert queries_of(path) == with_one


def test_the_policy_of_a_source_is_set_and_shown(as_admin: Client, workspace: Workspace) -> None:
    source = Connector.objects.create(
        workspace=workspace, name="logs", kind="loki", url="http://127.0.0.1:1"
    )
    path = f"/sources/{source.pk}/"
    assert "Templates and numbers only" in text_of(as_admin, path)
    form = {
        "name": "logs", "url": source.url, "timeout_s": "10", "is_enabled": "on",
        "leave_policy": "never", "save": "1",
    }  # fmt: skip
    assert as_admin.post(f"{path}edit/", form).status_code == 302
    assert "Nothing leaves" in text_of(as_admin, path)
