"""The API's document: kept beside the code, equal to it, and every operation says what it does."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from airra.api import api

ROOT = Path(__file__).resolve().parents[2]
KEPT = ROOT / "docs/reference/openapi.json"
REFRESH = (
    "AIRRA_SECRET_KEY=x .venv/bin/python manage.py export_openapi_schema --api airra.api.api "
    "--sorted --indent 2 --output docs/reference/openapi.json"
)


def document() -> dict[str, Any]:
    """As a client reads it: plain JSON, with nothing of pydantic's own classes in it."""
    read: dict[str, Any] = json.loads(json.dumps(api.get_openapi_schema(), default=str))
    return read


def operations() -> list[tuple[str, dict[str, Any]]]:
    return [
        (f"{method.upper()} {path}", operation)
        for path, methods in document()["paths"].items()
        for method, operation in methods.items()
    ]


def test_the_kept_document_equals_the_code() -> None:
    kept = json.loads(KEPT.read_text(encoding="utf-8"))
    assert kept == document(), f"refresh it: {REFRESH}"


def test_a_process_makes_its_document_once(client: Client) -> None:
    assert api.get_openapi_schema() is api.get_openapi_schema()
    assert client.get("/api/v1/openapi.json").json() == document()


@pytest.mark.parametrize(("name", "operation"), operations())
def test_every_operation_says_what_it_does(name: str, operation: dict[str, Any]) -> None:
    """Ninja makes a summary of the function's name; that says nothing new."""
    derived = operation["operationId"].rsplit("_", 1)[-1].replace("_", " ").capitalize()
    assert operation.get("description") or operation["summary"].lower() != derived.lower(), name


def test_every_operation_asks_for_a_token() -> None:
    for name, operation in operations():
        assert operation["security"] == [{"BearerToken": []}], name


def test_operations_are_named_once() -> None:
    names = [operation["operationId"] for _, operation in operations()]
    assert len(names) == len(set(names))


def test_every_path_is_in_the_reference() -> None:
    told = (ROOT / "docs/reference/api.md").read_text(encoding="utf-8")
    for name, _ in operations():
        method, path = name.split()
        heading = f"{method} {path.removeprefix('/api/v1')}"
        assert heading in told, f"docs/reference/api.md does not tell of {heading}"
