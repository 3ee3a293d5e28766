"""The settings page of an endpoint: options are checked by its kind before they are stored."""

import json
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from incidents.models import Membership
from incidents.permissions import Role
from remediation.models import ActionEndpoint
from tests.integration.remediation.conftest import World

HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGwZ4rVv8cXk0ZbJm3q8l4vN5m1o2p3q4r5s6t7u8v9w"


def save(client: Client, world: World, kind: str, url: str, options: Any) -> Any:
    admin = User.objects.create_user("root", is_staff=True)
    group, _ = Group.objects.get_or_create(name=Role.ADMIN)
    Membership.objects.create(workspace=world.workspace, user=admin, role=group)
    client.force_login(admin)
    form = {
        "workspace": world.workspace.pk,
        "name": "another",
        "kind": kind,
        "url": url,
        "secret_ref": "another",
        "options": options if isinstance(options, str) else json.dumps(options),
        "timeout_s": "15",
        "is_enabled": "on",
    }
    return client.post("/admin/remediation/actionendpoint/add/", form)


@pytest.mark.parametrize(
    ("kind", "url", "options"),
    [
        ("webhook", "https://deploy.example.org/airra/v1", {}),
        ("postgres", "postgresql://airra@db.example.org/x", {"databases": {"db": "shop"}}),
        ("haproxy", "unix:///run/haproxy/admin.sock", {"backends": {"shop": "be_shop"}, "keep": 2}),
        (
            "systemd",
            "ssh://airra@web1.example.org",
            {"host_key": HOST_KEY, "units": {"payments": "payments.service"}},
        ),
        (
            "script",
            "file:///etc/airra/scripts",
            {"public_key": "A" * 43 + "=", "services": {"shop": ["set_limit"]}},
        ),
    ],
)
def test_what_a_kind_takes_is_stored(
    world: World, client: Client, kind: str, url: str, options: dict[str, Any]
) -> None:
    answer = save(client, world, kind, url, options)
    assert answer.status_code == 302, answer.content.decode()
    assert ActionEndpoint.objects.get(name="another").options == options


@pytest.mark.parametrize(
    ("kind", "url", "options", "said"),
    [
        ("webhook", "https://x.example.org", {"token": "x"}, "token: Extra inputs"),
        ("postgres", "postgresql://a@b/c", {}, "databases: Field required"),
        ("postgres", "https://b/c", {"databases": {"db": "shop"}}, "begins with postgresql://"),
        ("haproxy", "unix:///run/x", {"backends": {"shop": "be shop"}}, "backends.shop"),
        (
            "systemd",
            "ssh://a@b",
            {"host_key": HOST_KEY, "units": {"p": "--force.service"}},
            "units.p",
        ),
        ("systemd", "ssh://a@b", {"host_key": "none", "units": {"p": "p.service"}}, "host_key"),
        ("script", "file:///x", {"public_key": "A", "services": {"s": ["x"]}}, "public_key"),
        ("haproxy", "unix:///run/x", [1], "Give names and values"),
        ("haproxy", "unix:///run/x", "{", "Enter a valid JSON"),
    ],
)
def test_what_it_does_not_take_is_refused_with_its_field(
    world: World, client: Client, kind: str, url: str, options: Any, said: str
) -> None:
    answer = save(client, world, kind, url, options)
    assert answer.status_code == 200
    assert said in answer.content.decode()
    assert not ActionEndpoint.objects.filter(name="another").exists()
