"""Every address of AIRRA and every call of its API, for everybody: who gets which answer.

A new route or operation without a row here fails: somebody has to say who may use it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Model
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from airra.api import api
from airra.lib import clock
from analysis.commands.model_call import record
from analysis.models import (
    Anomaly,
    Connector,
    Detector,
    Evidence,
    Hypothesis,
    Investigation,
    ModelProvider,
)
from incidents.admin import site
from incidents.commands import audit
from incidents.commands.access import issue_token
from incidents.commands.integration import create_integration
from incidents.models import (
    Alert,
    AuditEvent,
    Delivery,
    GroupingRule,
    Integration,
    IntegrationSecret,
    RuleTrial,
    SavedView,
    ServiceDependency,
    Workspace,
)
from incidents.permissions import Role
from remediation.models import ActionLimit, Approval, KillSwitch, Plan, PlanRequest, Runbook
from tests.factories import analysis
from tests.factories import incidents as make
from tests.factories import remediation as story
from tests.factories.model_calls import call
from tests.house.who_may import CALLS, PAGES, PERSONAS, SETTINGS

pytestmark = [
    pytest.mark.django_db,
    # Django's own forms for URL fields, until Django 6 changes their default.
    pytest.mark.filterwarnings("ignore:The default scheme will be changed"),
]

FORM = {"text": "a note", "reason": "a reason"}

VIEWS = ("changelist", "add", "change", "delete", "history")
OF_A_ROW = ("change", "delete", "history")


@dataclass
class Cast:
    """One of everything in a workspace, and a browser and a token for each persona."""

    browsers: dict[str, Client]
    sessions: dict[str, str]
    tokens: dict[str, str]
    values: dict[str, object]
    rows: dict[str, Model]

    def visit(self, persona: str, path: str, method: str = "GET", form: Any = None) -> int:
        """The status of one request, whose changes are taken back, signing out included."""
        browser = self.browsers[persona]
        browser.cookies.clear()
        if persona in self.sessions:
            browser.cookies[settings.SESSION_COOKIE_NAME] = self.sessions[persona]
        with transaction.atomic():
            answer = getattr(browser, method.lower())(path, form)
            transaction.set_rollback(True)
        return int(answer.status_code)

    def path(self, route: str) -> str:
        """The address of a route, filled with what the workspace holds."""
        route = route.replace("^(?P<app_label>incidents|auth|analysis|remediation)/$", "incidents/")
        route = route.replace("(?P<url>.*)$", "nowhere")
        filled = re.sub(r"[<{](?:\w+:)?(\w+)[>}]", lambda m: str(self.values[m[1]]), route)
        return f"/{filled}"


@pytest.fixture
def cast() -> Cast:
    about = story.with_story()
    here, there = about.workspace, make.workspace("elsewhere")
    people = {
        str(role): make.person(role, username=role, is_staff=role is Role.ADMIN) for role in Role
    }
    people["outsider"] = make.person(Role.ADMIN, username="outsider", place=there, is_staff=True)
    tokens = {}
    for name, user in people.items():
        place = there if name == "outsider" else here
        _, tokens[name] = issue_token(user=user, workspace=place, name="t", by=user)
    browsers = {name: Client() for name in PERSONAS}
    for name, user in people.items():
        browsers[name].force_login(user)
    sessions = {name: str(browsers[name].session.session_key) for name in people}
    rows = _rows(here, people["viewer"])
    audit.record("incident.seen", target=about)
    return Cast(
        browsers, sessions, {"anonymous": "", **tokens}, _values(here, people["viewer"]), rows
    )


def _rows(here: Workspace, viewer: User) -> dict[str, Model]:
    """A row of this workspace for each model with settings."""
    create_integration(workspace=here, name="scripts", kind="generic", by=None)
    ActionLimit.objects.create(workspace=here, action="scale")
    Runbook.objects.create(workspace=here, title="Restart", mechanism="leak", steps="Do.")
    audit.record("test.begun", target=here)
    analysis.detector(place=here)
    story.policy(here)
    story.freeze(here)
    edges = ServiceDependency.objects.filter(caller__workspace=here)
    own: dict[str, Model] = {
        "auth.user": viewer,
        "incidents.workspace": here,
        "incidents.auditevent": AuditEvent.objects.filter(workspace_id=here.pk).latest("pk"),
        "incidents.servicedependency": edges[0],
        "analysis.evidence": Evidence.objects.filter(investigation__incident__workspace=here)[0],
    }
    for model in site._registry:
        label = model._meta.label_lower
        if label not in own:
            own[label] = model._default_manager.filter(workspace=here)[0]
    return own


def _values(here: Workspace, viewer: User) -> dict[str, object]:
    """What stands in the addresses, all of this workspace."""
    view = SavedView.objects.create(workspace=here, owner=viewer, name="x", query="view=all")
    record(investigation=Investigation.objects.all()[0], call=call())
    provider = ModelProvider.objects.create(
        workspace=here, name="own", kind="openai", model="m", base_url="http://127.0.0.1:1"
    )
    return {
        "provider_id": provider.pk,
        "part": "request",
        "key": "INC-1",
        "service_id": ServiceDependency.objects.filter(caller__workspace=here)[0].caller_id,
        "edge_id": ServiceDependency.objects.filter(caller__workspace=here)[0].pk,
        "seq": 1,
        "name": "payments",
        "content_type_id": 1,
        "object_id": 1,
        "view_id": view.pk,
        "hypothesis_id": Hypothesis.objects.all()[0].pk,
        "investigation_id": Investigation.objects.all()[0].pk,
        "detector_id": Detector.objects.all()[0].pk,
        "anomaly_id": Anomaly.objects.all()[0].pk,
        "source_id": Connector.objects.all()[0].pk,
        "approval_id": Approval.objects.get().pk,
        "plan_id": Plan.objects.get().pk,
        "request_id": PlanRequest.objects.create(
            incident=Plan.objects.get().incident, kind="action", state="refused", refusal="no"
        ).pk,
        "delegation_id": story.delegation(here, lender="approver").pk,
        "token": "forged",
        "switch_id": KillSwitch.objects.create(
            workspace=here, scope="kind", value="docker", reason="not these", actor="ana"
        ).pk,
        "delivery_id": Delivery.objects.all()[0].pk,
        "rule_id": GroupingRule.objects.create(workspace=here, name="r", group_by=["region"]).pk,
        "trial_id": RuleTrial.objects.create(
            workspace=here, days=7, draft={"name": "r", "group_by": ["region"]}
        ).pk,
        "integration_id": Integration.objects.get(workspace=here, name="scripts").pk,
        "secret_id": IntegrationSecret.objects.get(integration__name="scripts").pk,
        "alert_id": Alert.objects.all()[0].pk,
        "silence_id": make.silence(place=here).pk,
    }


def _routes(patterns: list[Any], before: str = "", space: str = "") -> Iterator[tuple[str, str]]:
    """Each route with its name, or with `namespace:route` when it has none."""
    for pattern in patterns:
        route = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            inner = ":".join(filter(None, (space, pattern.namespace)))
            yield from _routes(pattern.url_patterns, route, inner)
        elif isinstance(pattern, URLPattern):
            yield f"{space}:{pattern.name or route}" if space else str(pattern.name), route


def _is_settings(route: str) -> bool:
    """Whether it is a page of one model's settings, which `SETTINGS` is about."""
    return any(f"admin/{label.replace('.', '/')}/" in route for label in _settings())


def _settings() -> dict[str, list[int]]:
    found = (line.split() for line in SETTINGS.strip().splitlines())
    return {label: [int(code) for code in codes] for label, *codes in found}


def _pages() -> dict[str, dict[str, list[int]]]:
    table: dict[str, dict[str, list[int]]] = {}
    for line in PAGES.strip().splitlines():
        name, method, *codes = line.split()
        table.setdefault(name, {})[method] = [int(code) for code in codes]
    return table


def _calls() -> dict[tuple[str, str], list[int]]:
    found = (line.split() for line in CALLS.strip().splitlines())
    return {(method, path): [int(code) for code in codes] for method, path, *codes in found}


def _pages_there_are() -> dict[str, str]:
    """Every route that is neither a call of the API nor a page of a model's settings."""
    calls = {f"api/v1{path}".replace("{", "<").replace("}", ">") for _, path in _calls()}
    return {
        name: route
        for name, route in _routes(get_resolver().url_patterns)
        if route not in calls and not _is_settings(route)
    }


def _operations() -> set[tuple[str, str]]:
    paths = api.get_openapi_schema()["paths"]
    return {
        (method.upper(), path.removeprefix("/api/v1"))
        for path, operations in paths.items()
        for method in operations
    }


def test_every_route_has_its_row() -> None:
    assert set(_pages_there_are()) == set(_pages()), "say in PAGES who may use a new route"


def test_every_model_with_settings_has_its_row() -> None:
    registered = {model._meta.label_lower for model in site._registry}
    assert registered == set(_settings()), "say in SETTINGS what an admin may do to a new model"


def test_every_call_of_the_api_has_its_row() -> None:
    assert _operations() == set(_calls()), "say in CALLS who may use a new operation"


@pytest.mark.parametrize("persona", PERSONAS)
def test_pages_answer_as_their_row_says(cast: Cast, persona: str) -> None:
    routes, i, wrong = _pages_there_are(), PERSONAS.index(persona), []
    for name, row in _pages().items():
        path = cast.path(routes[name])
        found = cast.visit(persona, path)
        if found != row["GET"][i]:
            wrong.append(f"GET {name}: {found}, not {row['GET'][i]}")
        expected = {row["POST"][i]} if "POST" in row else {found, 405}
        form = {**FORM, **({"incident": "INC-1"} if "acknowledge-many" in name else {})}
        posted = cast.visit(persona, path, "POST", form)
        if posted not in expected:
            wrong.append(f"POST {name}: {posted}, not {expected}")
    assert wrong == []


@pytest.mark.parametrize("persona", PERSONAS)
def test_settings_are_for_admins_who_are_staff(cast: Cast, persona: str) -> None:
    wrong = []
    for label, codes in _settings().items():
        for view, code in zip(VIEWS, codes, strict=True):
            at = f"{cast.rows[label].pk}/{view}/" if view in OF_A_ROW else f"{view}/"
            path = f"/admin/{label.replace('.', '/')}/{at.removeprefix('changelist/')}"
            expected = code if persona in {"admin", "outsider"} else 302
            if persona == "outsider" and view in OF_A_ROW and code == 200:
                expected = 302
            found = cast.visit(persona, path)
            if found != expected:
                wrong.append(f"{path}: {found}, not {expected}")
    assert wrong == []


@pytest.mark.parametrize("persona", PERSONAS)
def test_calls_answer_as_their_row_says(cast: Cast, persona: str) -> None:
    token, wrong = cast.tokens[persona], []
    said = {
        "title": "checkout fails", "text": "a note", "reason": "r", "resolution": "r",
        "approved_by": persona, "execution_mode": "live", "comment": "no", "feedback": "real",
        "service": "payments", "mechanism": "leak", "statement": "a leak",
        "incident": "INC-1", "steps": [{"action": "restart", "service": "payments"}],
        "to": "INC-1", "name": "another", "kind": "generic", "is_on": True, "group_by": ["region"],
        "ends_at": (clock.now() + timedelta(hours=1)).isoformat(),
        "draft": {"name": "another", "group_by": ["region"]},
    }  # fmt: skip
    for (method, path), codes in _calls().items():
        client = Client(headers={"Authorization": f"Bearer {token}"} if token else {})
        body = {**said, "kind": "silence"} if path == "/silences" else said
        given = {"data": body, "content_type": "application/json"} if method != "GET" else {}
        with transaction.atomic():
            answer = getattr(client, method.lower())(cast.path(f"api/v1{path}"), **given)
            transaction.set_rollback(True)
        expected = codes[PERSONAS.index(persona)]
        if answer.status_code != expected:
            wrong.append(f"{method} {path}: {answer.status_code}, not {expected}")
        if answer.status_code >= 400 and answer["Content-Type"] != "application/problem+json":
            wrong.append(f"{method} {path}: an error that is no problem document")
    assert wrong == []
