"""Fixtures everybody uses: a workspace, a person of each role, a token, a stopped clock."""

import gc
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.models import User
from hypothesis import settings

from airra.lib import clock
from incidents.commands.access import give_role, issue_token
from incidents.models import Workspace
from incidents.permissions import Role
from tests import migrated

# How long an example takes says how busy the machine is; speed is measured in benchmarks/.
settings.register_profile("airra", deadline=None)
settings.register_profile("many", deadline=None, max_examples=3000)
settings.load_profile("airra")

# Eight thousand tests and what they import are there to stay: the collector of garbage would walk
# through millions of objects again and again, while they are made and at every full round after.
gc.disable()


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    if config.getoption("dist") != "loadgroup":
        return None
    from tests.portions import Portions  # noqa: PLC0415 - only where there are processes

    return Portions(config, log)


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings: None) -> Iterator[None]:
    """Each worker's database is a copy of one that was migrated once."""
    with migrated.for_the_suite():
        yield


@pytest.fixture
def workspace(db: None) -> Workspace:
    return Workspace.objects.get()


def _person(workspace: Workspace, name: str, role: Role) -> User:
    user = User.objects.create_user(name, password="a long enough password")
    give_role(user=user, workspace=workspace, role=role)
    return user


@pytest.fixture
def viewer(workspace: Workspace) -> User:
    return _person(workspace, "vera", Role.VIEWER)


@pytest.fixture
def responder(workspace: Workspace) -> User:
    return _person(workspace, "remi", Role.RESPONDER)


@pytest.fixture
def approver(workspace: Workspace) -> User:
    return _person(workspace, "ana", Role.APPROVER)


@pytest.fixture
def second_approver(workspace: Workspace) -> User:
    return _person(workspace, "ben", Role.APPROVER)


@pytest.fixture
def admin_user(workspace: Workspace) -> User:
    return _person(workspace, "ada", Role.ADMIN)


@pytest.fixture
def token_for(workspace: Workspace) -> Callable[[User], str]:
    """A bearer token of a user, in clear."""

    def issue(user: User) -> str:
        _, text = issue_token(user=user, workspace=workspace, name="test", by=user)
        return text

    return issue


@pytest.fixture
def hands() -> Iterator[clock.Hands]:
    """The clock, stopped; `hands.advance(minutes=5)` moves it."""
    with clock.frozen(datetime(2026, 3, 2, 3, 0, tzinfo=UTC)) as moved:
        yield moved
