"""The upgrade that turns the dotted paths of old mappings into expressions, and back."""

from importlib import import_module

import pytest
from django.apps import apps
from django.db import connection

from incidents.ingest.mapping import checked, from_dotted
from incidents.models import Integration
from tests.integration.incidents.conftest import Sender

upgrade = import_module("incidents.migrations.0013_mappings_as_expressions")
pytestmark = pytest.mark.django_db

OLD = {"title": "event.checks.0.name", "key": "meta.alert-id", "service": "0.host"}
NEW = {"title": "event.checks[0].name", "key": 'meta."alert-id"', "service": '"0".host'}


def test_stored_paths_become_expressions_that_find_the_same(generic: Sender) -> None:
    Integration.objects.update(mapping=OLD | {"resolve_states": ["up.now"]})
    upgrade.forward(apps, connection.schema_editor())
    mapping = Integration.objects.get().mapping
    assert mapping == NEW | {"resolve_states": ["up.now"]}
    assert [from_dotted(path) for path in OLD.values()] == list(NEW.values())
    body = {"event": {"checks": [{"name": "x"}]}, "meta": {"alert-id": 7}, "0": {"host": "db"}}
    plan = checked(mapping)
    assert [plan.find(name, body).value for name in NEW] == ["x", 7, "db"]


def test_the_way_back_restores_the_paths(generic: Sender) -> None:
    Integration.objects.update(mapping=OLD)
    upgrade.forward(apps, connection.schema_editor())
    upgrade.backward(apps, connection.schema_editor())
    assert Integration.objects.get().mapping == OLD


def test_what_is_no_mapping_is_left_alone(generic: Sender) -> None:
    Integration.objects.update(mapping=["title"])
    upgrade.forward(apps, connection.schema_editor())
    assert Integration.objects.get().mapping == ["title"]
