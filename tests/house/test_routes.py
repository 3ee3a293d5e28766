"""Every address of AIRRA and every call of its API, for everybody: who gets which answer.

A new route or operation without a row here fails: somebody has to say who may use it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from airra.api import api
from airra.lib.ids import uuid7
from analysis.models import Connector, Detector, Evidence, Hypothesis
from incidents.commands import audit
from incidents.commands.access import create_integration, issue_token
from incidents.models import (
    ApiToken,
    AuditEvent,
    Incident,
    Integration,
    Membership,
    SavedView,
    Service,
    ServiceDependency,
    Workspace,
)
from incidents.permissions import Role
from remediation.models import ActionEndpoint, Approval, Plan, Policy, Runbook
from tests.factories import analysis
from tests.factories import incidents as make
from tests.factories import remediation as story

pytestmark = pytest.mark.django_db

# Anonymous; an admin and staff of another workspace; and the four roles here, the admin being staff.
PERSONAS = ("anonymous", "outsider", "viewer", "responder", "approver", "admin")


@dataclass
class Cast:
    """One of everything in the default workspace, and a client for each persona."""

    clients: dict[str, Client]
    tokens: dict[str, str]
    ids: dict[str, object]


def routes(patterns: list[Any], before: str = "", space: str = "") -> Iterator[tuple[str, str]]:
    """Each route with its name, or with `namespace:route` when it has none."""
    for pattern in patterns:
        route = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            inner = ":".join(filter(None, (space, pattern.namespace)))
            yield from routes(pattern.url_patterns, route, inner)
        elif isinstance(pattern, URLPattern):
            yield f"{space}:{pattern.name or route}" if space else str(pattern.name), route
