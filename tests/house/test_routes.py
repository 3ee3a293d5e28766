"""Every address of AIRRA and every call of its API, for everybody: who gets which answer.

A new route or operation without a row here fails: somebody has to say who may use it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Model
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from airra.api import api
from analysis.models import Connector, Detector, Evidence, Hypothesis
from incidents.admin import site
from incidents.commands import audit
from incidents.commands.access import create_integration, issue_token
from incidents.models import AuditEvent, Integration, SavedView, ServiceDependency, Workspace
from incidents.permissions import Role
from remediation.models import Approval, Plan, Runbook
from tests.factories import analysis
from tests.factories import incidents as make
from tests.factories import remediation as story

pytestmark = [
    pytest.mark.django_db,
    # Django's own forms for URL fields, until Django 6 changes their default.
    pytest.mark.filterwarnings("ignore:The default scheme will be changed"),
]

# Anonymous; an admin of another workspace; the four roles of this one. Both admins are staff.
PERSONAS = ("anonymous", "outsider", "viewer", "responder", "approver", "admin")
FORM = {"text": "a note", "reason": "a reason"}

# What each persona is answered. A page without a row for POST answers it as a GET, or with 405.
PAGES = """
home                        GET   302 302 302 302 302 302
rail                        GET   302 200 200 200 200 200
login                       GET   200 302 302 302 302 302
logout                      GET   302 405 405 405 405 405
logout                      POST  302 302 302 302 302 302
incidents:list              GET   302 200 200 200 200 200
incidents:rows              GET   302 200 200 200 200 200
incidents:new               GET   302 200 403 200 200 200
incidents:new               POST  302 422 403 422 422 422
incidents:acknowledge-many  GET   302 405 405 405 405 405
incidents:acknowledge-many  POST  302 404 403 302 302 302
incidents:save-view         GET   302 200 200 200 200 200
incidents:save-view         POST  302 422 422 422 422 422
incidents:delete-view       GET   302 405 405 405 405 405
incidents:delete-view       POST  302 404 302 404 404 404
incidents:acknowledge       GET   302 405 405 405 405 405
incidents:acknowledge       POST  302 404 403 302 302 302
incidents:assign            GET   302 404 403 200 200 200
incidents:assign            POST  302 404 403 302 302 302
incidents:resolve           GET   302 404 403 200 200 200
incidents:resolve           POST  302 404 403 302 302 302
incidents:reopen            GET   302 404 403 200 200 200
incidents:reopen            POST  302 404 403 409 409 409
incidents:close             GET   302 405 405 405 405 405
incidents:close             POST  302 404 403 409 409 409
incidents:note              GET   302 405 405 405 405 405
incidents:note              POST  302 404 403 302 302 302
incidents:services          GET   302 200 200 200 200 200
incidents:edge-add          GET   302 404 403 403 403 200
incidents:edge-add          POST  302 404 403 403 403 422
incidents:edge-hide         GET   302 404 403 403 403 200
incidents:edge-hide         POST  302 404 403 403 403 302
incidents:edge-show         GET   302 405 405 405 405 405
incidents:edge-show         POST  302 404 403 403 403 302
incidents:edge-unsay        GET   302 405 405 405 405 405
incidents:edge-unsay        POST  302 404 403 403 403 302
incidents:audit             GET   302 200 200 200 200 200
incidents:audit-csv         GET   302 200 200 200 200 200
incidents:account           GET   302 200 200 200 200 200
incidents:preferences       GET   405 405 405 405 405 405
incidents:preferences       POST  302 302 302 302 302 302
incidents:detail            GET   302 404 200 200 200 200
incidents:live              GET   302 404 200 200 200 200
incidents:service           GET   302 404 200 200 200 200
analysis:investigate        GET   302 405 405 405 405 405
analysis:investigate        POST  302 404 403 302 302 302
analysis:evidence           GET   302 404 200 200 200 200
analysis:signals            GET   302 404 200 200 200 200
analysis:signals-json       GET   302 404 200 200 200 200
analysis:confirm            GET   302 404 403 200 200 200
analysis:confirm            POST  302 404 403 302 302 302
analysis:rule-out           GET   302 404 403 200 200 200
analysis:rule-out           POST  302 404 403 302 302 302
analysis:detectors          GET   302 200 200 200 200 200
analysis:detector           GET   302 404 200 200 200 200
analysis:sources            GET   302 200 200 200 200 200
analysis:source             GET   302 404 200 200 200 200
analysis:source-test        GET   302 405 405 405 405 405
analysis:source-test        POST  302 404 403 200 200 200
analysis:source-add         GET   302 200 403 403 403 200
analysis:source-add         POST  302 422 403 403 403 422
analysis:source-edit        GET   302 404 403 403 403 200
analysis:source-edit        POST  302 404 403 403 403 422
remediation:approvals       GET   302 200 200 200 200 200
remediation:approvals-live  GET   302 200 200 200 200 200
remediation:approval        GET   302 404 200 200 200 200
remediation:approval        POST  302 404 403 403 422 422
remediation:decision        GET   302 404 200 200 200 200
remediation:revise          GET   302 405 405 405 405 405
remediation:revise          POST  302 404 403 409 409 409
remediation:request-action  GET   302 404 403 200 200 200
remediation:request-action  POST  302 404 403 422 422 422
admin:index                 GET   302 200 302 302 302 200
admin:login                 GET   302 403 403 403 403 403
admin:logout                GET   302 405 302 302 302 405
admin:logout                POST  302 302 302 302 302 302
admin:password_change       GET   302 200 302 302 302 200
admin:password_change_done  GET   302 200 302 302 302 200
admin:autocomplete          GET   302 403 302 302 302 403
admin:jsi18n                GET   302 200 302 302 302 200
admin:view_on_site          GET   302 404 302 302 302 404
admin:app_list              GET   302 200 302 302 302 200
admin:admin/(?P<url>.*)$    GET   302 404 302 302 302 404
api:openapi-json            GET   200 200 200 200 200 200
api:openapi-view            GET   200 200 200 200 200 200
api:api-root                GET   404 404 404 404 404 404
docs                        GET   302 302 302 302 302 302
hook                        GET   405 405 405 405 405 405
hook                        POST  401 401 401 401 401 401
otlp-traces                 GET   405 405 405 405 405 405
otlp-traces                 POST  404 404 404 404 404 404
otlp-logs                   GET   405 405 405 405 405 405
otlp-logs                   POST  404 404 404 404 404 404
health                      GET   200 200 200 200 200 200
ready                       GET   200 200 200 200 200 200
metrics                     GET   200 200 200 200 200 200
"""

# The settings pages, for staff who is admin: list, add, and change, delete, history of a row here.
# Everybody else without a right to enter is sent away (302); a row elsewhere is not found (302).
SETTINGS = """
auth.user                    200 200 200 403 200
incidents.apitoken           200 200 200 200 200
incidents.auditevent         200 403 200 403 200
incidents.integration        200 200 200 200 200
incidents.membership         200 200 200 200 200
incidents.service            200 200 200 200 200
incidents.servicedependency  200 200 200 200 200
incidents.workspace          200 403 200 403 200
analysis.connector           200 200 200 200 200
analysis.detector            200 200 200 200 200
analysis.evidence            200 403 200 403 200
remediation.actionendpoint   200 200 200 200 200
remediation.policy           200 200 200 403 200
remediation.runbook          200 200 200 200 200
"""
VIEWS = ("changelist", "add", "change", "delete", "history")
OF_A_ROW = ("change", "delete", "history")

CALLS = """
POST /incidents                        401 201 403 201 201 201
GET  /incidents                        401 200 200 200 200 200
GET  /incidents/{key}                  401 404 200 200 200 200
GET  /incidents/{key}/timeline         401 404 200 200 200 200
POST /incidents/{key}/acknowledge      401 404 403 200 200 200
POST /incidents/{key}/resolve          401 404 403 200 200 200
POST /incidents/{key}/reopen           401 404 403 409 409 409
POST /incidents/{key}/notes            401 404 403 201 201 201
POST /incidents/{key}/analyze          401 404 403 202 202 202
GET  /incidents/{key}/investigation    401 404 200 200 200 200
GET  /approvals/pending                401 200 200 200 200 200
GET  /approvals/{approval_id}          401 404 200 200 200 200
POST /approvals/{approval_id}/approve  401 404 403 403 409 409
POST /approvals/{approval_id}/reject   401 404 403 403 200 200
GET  /actions/{plan_id}                401 404 200 200 200 200
POST /actions/{plan_id}/execute        401 404 403 409 409 409
"""


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
    Runbook.objects.create(workspace=here, title="Restart", mechanism="leak", steps="Do.")
    audit.record("test.begun", target=here)
    analysis.detector(place=here)
    story.policy(here)
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
    return {
        "key": "INC-1",
        "service_id": ServiceDependency.objects.filter(caller__workspace=here)[0].caller_id,
        "edge_id": ServiceDependency.objects.filter(caller__workspace=here)[0].pk,
        "seq": 1,
        "name": "payments",
        "content_type_id": 1,
        "object_id": 1,
        "view_id": view.pk,
        "hypothesis_id": Hypothesis.objects.all()[0].pk,
        "detector_id": Detector.objects.all()[0].pk,
        "source_id": Connector.objects.all()[0].pk,
        "approval_id": Approval.objects.get().pk,
        "plan_id": Plan.objects.get().pk,
        "integration_id": Integration.objects.all()[0].pk,
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
        "approved_by": persona, "execution_mode": "live", "comment": "no",
    }  # fmt: skip
    for (method, path), codes in _calls().items():
        client = Client(headers={"Authorization": f"Bearer {token}"} if token else {})
        given = {"data": said, "content_type": "application/json"} if method == "POST" else {}
        with transaction.atomic():
            answer = getattr(client, method.lower())(cast.path(f"api/v1{path}"), **given)
            transaction.set_rollback(True)
        expected = codes[PERSONAS.index(persona)]
        if answer.status_code != expected:
            wrong.append(f"{method} {path}: {answer.status_code}, not {expected}")
        if answer.status_code >= 400 and answer["Content-Type"] != "application/problem+json":
            wrong.append(f"{method} {path}: an error that is no problem document")
    assert wrong == []
