"""A model is tried out by an admin; what it can do decides how it is asked."""

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from pytest_django.fixtures import Settings
from pytest_httpserver import HTTPServer

from analysis.commands.model_trial import try_out
from analysis.models import ModelProvider
from analysis.queries.providers import providers_for
from analysis.types import Capabilities
from incidents.models import AuditEvent
from incidents.permissions import NotPermitted, Role
from tests.factories import incidents as make
from tests.fakes.messages_api import MessagesApi
from tests.fakes.model_script import Called, Said, failure

pytestmark = pytest.mark.django_db
OSLO = Called("look_up", {"city": "Oslo"})
BERGEN = Called("look_up", {"city": "Bergen"})


@pytest.fixture
def api(httpserver: HTTPServer) -> MessagesApi:
    return MessagesApi(httpserver, [], key="no-key")


@pytest.fixture
def admin() -> User:
    return make.person(Role.ADMIN, username="ada")


@pytest.fixture
def provider(api: MessagesApi, admin: User) -> ModelProvider:
    return ModelProvider.objects.create(
        workspace=make.workspace(), name="local", kind="anthropic", model="gemma", base_url=api.url
    )


def test_what_it_can_do_is_kept_and_used(
    provider: ModelProvider, admin: User, api: MessagesApi
) -> None:
    assert providers_for(provider.workspace)[0].capabilities == Capabilities()
    api.script += [Said("Oslo"), Said("Oslo")]
    assert try_out(provider=provider, by=admin) == ""
    found = providers_for(provider.workspace)[0].capabilities
    assert found == Capabilities(tools=False, parallel=False, schema=False)
    assert AuditEvent.objects.filter(kind="model_provider.tried").count() == 1


def test_a_problem_is_told_and_takes_nothing_away(
    provider: ModelProvider, admin: User, api: MessagesApi
) -> None:
    api.script += [Said(calls=[OSLO]), Said(calls=[OSLO, BERGEN]), Said("no")]
    try_out(provider=provider, by=admin)
    api.script.append(failure(401))
    assert "401" in try_out(provider=provider, by=admin)
    provider.refresh_from_db()
    assert "401" in provider.last_error
    assert provider.last_ok_at is not None
    assert providers_for(provider.workspace)[0].capabilities == Capabilities(schema=False)


def test_without_a_key_nothing_is_asked(
    provider: ModelProvider, admin: User, api: MessagesApi, settings: Settings
) -> None:
    settings.ANTHROPIC_API_KEY = ""
    provider.base_url = ""
    assert "AIRRA_ANTHROPIC_API_KEY" in try_out(provider=provider, by=admin)
    assert api.attempts == 0


def test_only_admins_try(provider: ModelProvider, api: MessagesApi) -> None:
    with pytest.raises(NotPermitted):
        try_out(provider=provider, by=make.person(Role.APPROVER))
    assert api.attempts == 0


def test_the_page_says_what_came_of_it(
    provider: ModelProvider, admin: User, api: MessagesApi, client: Client
) -> None:
    client.force_login(admin)
    api.script += [Said(calls=[OSLO]), Said(calls=[OSLO, BERGEN]), Said('{"city": "Oslo"}')]
    assert b"not yet" in client.get(reverse("analysis:models")).content
    client.post(reverse("analysis:model-try", args=[provider.pk]))
    page = client.get(reverse("analysis:models")).content.decode()
    assert "calls several tools at once; keeps to a schema" in page
    api.script.append(failure(529))
    client.post(reverse("analysis:model-try", args=[provider.pk]))
    assert "529" in client.get(reverse("analysis:models")).content.decode()
