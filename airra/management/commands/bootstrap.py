"""`manage.py bootstrap`: what a fresh install needs. Safe to repeat: it adds, never overwrites."""

from argparse import ArgumentParser
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from airra import env
from analysis.commands.presets import install
from analysis.models import Connector
from analysis.perception.presets import Survey
from incidents.commands.access import digest_of, give_role
from incidents.commands.integration import create_integration
from incidents.models import DEFAULT_WORKSPACE, ApiToken, Integration, Service, Workspace
from incidents.permissions import Role
from remediation.models import ActionEndpoint, Policy, Runbook

# The shop's own read-only addresses; production connects its own in the admin.
LAB_SERVICES = {
    "gateway": 1,
    "checkout": 1,
    "payments": 1,
    "inventory": 2,
    "search": 2,
    "database": 1,
}
# What the shop exposes: it may be connected before it was ever scraped.
LAB_METRICS = Survey.assumed(
    (
        "db_pool_connections_in_use",
        "db_pool_connections_max",
        "disk_size_bytes",
        "disk_used_bytes",
        "http_client_requests_total",
        "http_request_duration_seconds_bucket",
        "http_requests_total",
        "process_cpu_seconds_total",
        "process_memory_limit_bytes",
        "process_resident_memory_bytes",
        "service_restarts_total",
        "up",
        "work_queue_depth",
        "work_queue_limit",
    ),
    labels=("service", "instance", "code"),
    interval_s=5.0,
)
DEMO_ACCOUNTS = {
    "viewer": Role.VIEWER,
    "responder": Role.RESPONDER,
    "approver": Role.APPROVER,
    "second": Role.APPROVER,
    "admin": Role.ADMIN,
}


class Command(BaseCommand):
    help = "Make the policy and first admin; with --lab also the demo's sources and accounts."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--lab", metavar="URL", help="connect the lab running at this address")
        parser.add_argument(
            "--demo-password", default="", help="make the demo accounts, with this password"
        )

    @transaction.atomic
    def handle(self, *_: Any, lab: str | None, demo_password: str, **__: Any) -> None:
        workspace = Workspace.objects.get(slug=DEFAULT_WORKSPACE)
        Policy.objects.get_or_create(workspace=workspace)
        self._first_admin(workspace)
        if lab:
            connect_lab(workspace, lab.rstrip("/"))
            self.stdout.write(f"connected the lab at {lab}")
        if demo_password:
            for name, role in DEMO_ACCOUNTS.items():
                demo_account(workspace, name, role, demo_password)
            self.stdout.write(f"demo accounts: {', '.join(DEMO_ACCOUNTS)}")

    def _first_admin(self, workspace: Workspace) -> None:
        name = env.text("AIRRA_ADMIN_USER", "")
        if not name or User.objects.filter(username=name).exists():
            return
        password = env.secret("AIRRA_ADMIN_PASSWORD", "")
        if not password:
            msg = "AIRRA_ADMIN_USER is set; set AIRRA_ADMIN_PASSWORD or AIRRA_ADMIN_PASSWORD_FILE"
            raise CommandError(msg)
        user = User.objects.create_superuser(name, password=password)
        give_role(user=user, workspace=workspace, role=Role.ADMIN)
        self.stdout.write(f"made the first admin: {name}")


def connect_lab(workspace: Workspace, url: str) -> None:
    """The lab's read APIs as four connectors, its control API as the action endpoint.

    Their addresses follow the lab, which may have moved to another port since.
    """
    metrics_url = env.text("AIRRA_LAB_PROMETHEUS_URL", url)
    for kind, address in (
        (Connector.Kind.PROMETHEUS, metrics_url),
        (Connector.Kind.LOKI, url),
        (Connector.Kind.JAEGER, url),
        (Connector.Kind.CHANGES, url),
    ):
        Connector.objects.update_or_create(
            workspace=workspace, name=f"lab-{kind}", defaults={"kind": kind, "url": address}
        )
    ActionEndpoint.objects.update_or_create(
        workspace=workspace,
        name="lab",
        defaults={"url": f"{url}/control/v1", "secret_ref": "LAB_CONTROL"},
    )
    for name, tier in LAB_SERVICES.items():
        Service.objects.get_or_create(
            workspace=workspace, name=name, defaults={"tier": tier, "environment": "demo"}
        )
    if not Integration.objects.filter(workspace=workspace, name="alertmanager").exists():
        token = env.secret("AIRRA_DEMO_HOOK_TOKEN", "")
        create_integration(
            workspace=workspace,
            name="alertmanager",
            kind=Integration.Kind.ALERTMANAGER,
            by=None,
            token=token,
        )
    for connector in Connector.objects.filter(workspace=workspace, name__startswith="lab-"):
        install(connector=connector, survey=LAB_METRICS)
    Runbook.objects.get_or_create(
        workspace=workspace,
        title="No safe action: what to look at by hand",
        defaults={
            "steps": "Read the evidence ledger, the gaps first\n"
            "Compare with the last change of each service on the path\n"
            "Ask the service's owner before restarting anything that holds state",
        },
    )


def demo_account(workspace: Workspace, name: str, role: Role, password: str) -> None:
    """One demo account; `AIRRA_DEMO_TOKEN_<NAME>` gives it an API token known beforehand."""
    user, made = User.objects.get_or_create(
        username=name, defaults={"is_staff": role is Role.ADMIN, "first_name": name.capitalize()}
    )
    if made:
        user.set_password(password)
        user.is_superuser = False
        user.save()
    give_role(user=user, workspace=workspace, role=role)
    token = env.secret(f"AIRRA_DEMO_TOKEN_{name.upper()}", "")
    if token:
        ApiToken.objects.get_or_create(
            digest=digest_of(token),
            defaults={
                "user": user,
                "workspace": workspace,
                "name": "demo",
                "prefix": token[:12],
            },
        )
