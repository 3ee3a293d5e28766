"""A running AIRRA with an integration of every kind, and what became of what was sent to it."""

import json
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import psycopg
from psycopg.rows import dict_row

from tests.fakes.tls import self_signed
from tests.live.databases import own_database
from tools.stack import ROOT, Stack, answers, free_port, wait_for

KEY = "of the sender's own making"  # what signs, for those who sign
READ_WITHIN_S = 4
DATABASES = ("sqlite", "postgresql")
_SET_UP = f"""
import json
from django.contrib.auth.models import User
from incidents.commands.integration import create_integration, set_signing_key
from incidents.ingest.trust.judge import ONLY_SIGNED
from incidents.models import Integration, Workspace
from tests.fakes.payloads.cloudwatch import TOPIC
admin, made = User.objects.get(username="admin"), {{}}
for kind in Integration.Kind.values:
    topics = [TOPIC] if kind == "cloudwatch_sns" else []
    one, text = create_integration(
        workspace=Workspace.objects.get(), name=f"of {{kind}}", kind=kind, by=admin, topics=topics
    )
    if kind in ONLY_SIGNED:
        text = set_signing_key(integration=one, by=admin, key={KEY!r}, overlap_h=0)
    made[kind] = [str(one.pk), text]
print("MADE", json.dumps(made))
"""


_ALERTS = """
    SELECT alert.*, service.name AS service FROM incidents_alert alert
    JOIN incidents_integration sender ON sender.id = alert.integration_id
    LEFT JOIN incidents_service service ON service.id = alert.service_id
    WHERE sender.name = 'of ' || %s ORDER BY alert.id
"""
_DELIVERIES = """
    SELECT delivery.* FROM incidents_delivery delivery
    JOIN incidents_integration sender ON sender.id = delivery.integration_id
    WHERE sender.name = 'of ' || %s ORDER BY delivery.id
"""
_CHANGES = """
    SELECT change.* FROM incidents_changeevent change
    JOIN incidents_integration sender ON sender.id = change.integration_id
    WHERE sender.name = 'of ' || %s ORDER BY change.id
"""


@dataclass(frozen=True)
class Receiver:
    """One integration: its address and its secret, and the rows that came of it."""

    kind: str
    url: str
    secret: str
    rows: Callable[[str, str], list[dict[str, Any]]]

    @property
    def path(self) -> str:
        return urlsplit(self.url).path

    @property
    def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.secret}"}

    def alerts(self) -> list[dict[str, Any]]:
        """Oldest first, each with the name of its service."""
        return self.rows(_ALERTS, self.kind)

    def deliveries(self) -> list[dict[str, Any]]:
        return self.rows(_DELIVERIES, self.kind)

    def changes(self) -> list[dict[str, Any]]:
        return self.rows(_CHANGES, self.kind)

    def wait_for_alert(self, title: str, **told: object) -> dict[str, Any]:
        """The alert whose title begins so, once all this is true of it."""

        def found() -> dict[str, Any] | None:
            named = [row for row in self.alerts() if row["title"].startswith(title)]
            good = [row for row in named if all(row[key] == told[key] for key in told)]
            return good[0] if good else None

        row: dict[str, Any] = wait_for(f"{title} {told}", found, within_s=30, every_s=0.1)
        return row

    def wait_for_change(self, title: str) -> dict[str, Any]:
        def found() -> dict[str, Any] | None:
            return next((row for row in self.changes() if row["title"] == title), None)

        row: dict[str, Any] = wait_for(f"the change {title}", found, within_s=30, every_s=0.1)
        return row

    def delivery(self, pk: str) -> dict[str, Any]:
        """The row of this id, once it does not wait to be read any more."""

        def settled() -> dict[str, Any] | None:
            return next(
                (
                    row
                    for row in self.deliveries()
                    if UUID(str(row["id"])) == UUID(pk) and row["state"] != "stored"
                ),
                None,
            )

        row: dict[str, Any] = wait_for(f"delivery {pk}", settled, within_s=30, every_s=0.1)
        return row


@dataclass(frozen=True)
class Airra:
    """`tls_url` is the same behind a proxy that ends TLS, with `trust` in its certificate."""

    stack: Stack
    receivers: dict[str, Receiver]
    tls_url: str
    trust: Path

    def of(self, kind: str) -> Receiver:
        return self.receivers[kind]

    @property
    def host(self) -> tuple[str, int]:
        return "127.0.0.1", self.stack.port


@contextmanager
def running(database: str, var: Path) -> Iterator[Airra]:
    """AIRRA in one process, as `manage.py serve` starts it, on SQLite or PostgreSQL."""
    place = own_database() if database == "postgresql" else nullcontext("")
    with place as url, Stack(var=var, database_url=url) as stack:
        stack.settings = {
            "AIRRA_SWEEP_INTERVAL_S": "2",
            "AIRRA_SCAN_INTERVAL_S": "60",
            "AIRRA_READ_WITHIN_S": str(READ_WITHIN_S),
        }
        stack.prepare()
        made = _receivers(stack)
        stack.start("airra", sys.executable, "manage.py", "serve")
        wait_for("AIRRA", lambda: answers(f"{stack.url}/health"), within_s=60)
        yield Airra(stack, made, *_behind_tls(stack))


def _behind_tls(stack: Stack) -> tuple[str, Path]:
    """HAProxy before the web server, as production has a proxy there."""
    port, tomorrow = free_port(), datetime.now(tz=UTC) + timedelta(days=1)
    certificate = self_signed(stack.var, until=tomorrow)
    file = stack.var / "haproxy.cfg"
    file.write_text(
        f"""
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
listen airra
  bind 127.0.0.1:{port} ssl crt {certificate}
  http-request set-header X-Forwarded-Proto https
  server web 127.0.0.1:{stack.port}
""",
        encoding="utf-8",
    )
    stack.start("haproxy", "haproxy", "-db", "-f", str(file))
    wait_for("HAProxy", lambda: _takes_calls(port), within_s=20)
    return f"https://127.0.0.1:{port}", certificate


def _takes_calls(port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


def _receivers(stack: Stack) -> dict[str, Receiver]:
    done = subprocess.run(
        [sys.executable, "manage.py", "shell", "--no-imports", "-c", _SET_UP],
        cwd=ROOT,
        env=stack.env(),
        capture_output=True,
        text=True,
        check=True,
    )
    made = json.loads(done.stdout.partition("MADE")[2])

    def rows(query: str, kind: str) -> list[dict[str, Any]]:
        return _asked(stack, query, kind)

    return {
        kind: Receiver(kind, f"{stack.url}/hooks/{pk}/", secret, rows)
        for kind, (pk, secret) in made.items()
    }


def _asked(stack: Stack, query: str, kind: str) -> list[dict[str, Any]]:
    if stack.database_url:
        with psycopg.connect(stack.database_url, row_factory=dict_row) as connection:
            return list(connection.execute(query.encode(), [kind]))
    file = stack.var / "airra.sqlite3"
    with closing(sqlite3.connect(file, timeout=20)) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute(query.replace("%s", "?"), [kind])]
