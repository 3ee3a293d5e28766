"""Callers: a user's own token, and requests as JSON; and the small world of remediation."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from incidents.commands.access import issue_token
from incidents.models import Workspace
from incidents.permissions import Role
from tests.factories import incidents as make
from tests.integration.remediation.conftest import (  # noqa: F401 - fixtures
    make_world,
    metric,
    server,
    world,
)

Answer = Any  # Django's test response: an HttpResponse with .json()


@dataclass(frozen=True)
class Caller:
    """One client of the API; an empty token sends no Authorization at all."""

    token: str = ""

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}

    def get(self, path: str, **query: str | int) -> Answer:
        return Client(headers=self._headers()).get(f"/api/v1{path}", query)

    def post(self, path: str, body: object = None) -> Answer:
        return Client(headers=self._headers()).post(
            f"/api/v1{path}", {} if body is None else body, content_type="application/json"
        )

    def put(self, path: str, body: object) -> Answer:
        return Client(headers=self._headers()).put(
            f"/api/v1{path}", body, content_type="application/json"
        )

    def queries_of(self, path: str, **query: str | int) -> int:
        """How many a call takes, once what every process caches is there."""
        self.get(path, **query)
        with CaptureQueriesContext(connection) as seen:
            answer = self.get(path, **query)
        assert answer.status_code == 200, (path, answer.status_code)
        return len(seen.captured_queries)


@pytest.fixture
def vera(viewer: User, call_as: Callable[[User], Caller]) -> Caller:
    return call_as(viewer)


@pytest.fixture
def remi(responder: User, call_as: Callable[[User], Caller]) -> Caller:
    return call_as(responder)


@pytest.fixture
def ada(admin_user: User, call_as: Callable[[User], Caller]) -> Caller:
    return call_as(admin_user)


@pytest.fixture
def stranger(workspace: Workspace, call_as: Callable[[User], Caller]) -> Caller:
    """An admin of another workspace."""
    return call_as(make.person(Role.ADMIN, place=make.workspace("elsewhere")))


@pytest.fixture
def call_as(db: None) -> Callable[[User], Caller]:
    """A caller with a fresh token of this user, for the one workspace of the user."""

    def caller(user: User) -> Caller:
        place = Workspace.objects.get(memberships__user=user)
        _, text = issue_token(user=user, workspace=place, name="test", by=user)
        return Caller(text)

    return caller


def assert_problem(answer: Answer, status: int, *words: str) -> dict[str, Any]:
    """The answer is a problem document of this status whose detail holds these words."""
    assert answer.status_code == status, answer.content
    assert answer["Content-Type"] == "application/problem+json"
    said: dict[str, Any] = answer.json()
    assert said["status"] == status
    assert said["type"] == "about:blank"
    assert said["title"]
    for word in words:
        assert word in said["detail"]
    return said
