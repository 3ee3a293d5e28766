"""People in a browser that needs no browser, and a way to count what a page asks the database."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from incidents.models import Incident
from tests.factories import remediation


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def as_viewer(viewer: User) -> Client:
    return client_of(viewer)


@pytest.fixture
def as_responder(responder: User) -> Client:
    return client_of(responder)


@pytest.fixture
def as_approver(approver: User) -> Client:
    return client_of(approver)


@pytest.fixture
def story(responder: User) -> Incident:
    """A critical incident that awaits approval, with everything on its page."""
    return remediation.with_story(owner=responder)


@pytest.fixture
def queries_of(as_approver: Client) -> Callable[[str], int]:
    """How many queries a page takes, once what every process caches is there."""

    def count(path: str) -> int:
        as_approver.get(path)
        with CaptureQueriesContext(connection) as seen:
            answer = as_approver.get(path)
        assert answer.status_code == 200, (path, answer.status_code)
        return len(seen.captured_queries)

    return count
