"""Real Prometheus and Alertmanager: scrape, rule fires, webhook, incident, resolve."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tools.stack import Stack, answers, free_port, wait_for

pytestmark = pytest.mark.live

RULES = """
groups:
  - name: shop
    interval: 1s
    rules:
      - alert: HighErrorRatio
        expr: shop_error_ratio > 0.05
        for: 1s
        labels: {severity: critical}
        annotations: {summary: "Error ratio {{ $value }} on {{ $labels.service }}"}
"""


class Gauge:
    """A target with one metric whose value the test sets."""

    def __init__(self) -> None:
        self.value = 0.0
        gauge = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.end_headers()
                self.wfile.write(f'shop_error_ratio{{service="checkout"}} {gauge.value}\n'.encode())

            def log_message(self, *_: Any) -> None:
                """Keep the test's output quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def gauge() -> Iterator[Gauge]:
    made = Gauge()
    yield made
    made.server.shutdown()
    made.server.server_close()


def start_monitoring(stack: Stack, hook: str, target: int) -> None:
    """Prometheus scraping the gauge each second, Alertmanager posting to the hook."""
    prometheus, alertmanager = free_port(), free_port()
    var = Path(stack.var)
    (var / "rules.yml").write_text(RULES, encoding="utf-8")
    (var / "prometheus.yml").write_text(
        f"""
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: [rules.yml]
alerting:
  alertmanagers: [{{static_configs: [{{targets: ["127.0.0.1:{alertmanager}"]}}]}}]
scrape_configs:
  - job_name: shop
    honor_labels: true
    static_configs: [{{targets: ["127.0.0.1:{target}"]}}]
""",
        encoding="utf-8",
    )
    (var / "alertmanager.yml").write_text(
        f"""
route: {{receiver: airra, group_by: [alertname, service], group_wait: 1s, group_interval: 1s}}
receivers:
  - name: airra
    webhook_configs:
      - url: {hook}
        send_resolved: true
        http_config: {{authorization: {{credentials: "{stack.token("hook")}"}}}}
""",
        encoding="utf-8",
    )
    stack.start(
        "alertmanager",
        "prometheus-alertmanager",
        f"--config.file={var / 'alertmanager.yml'}",
        f"--storage.path={var / 'am'}",
        f"--web.listen-address=127.0.0.1:{alertmanager}",
        "--cluster.listen-address=",
    )
    stack.start(
        "prometheus",
        "prometheus",
        f"--config.file={var / 'prometheus.yml'}",
        f"--storage.tsdb.path={var / 'tsdb'}",
        f"--web.listen-address=127.0.0.1:{prometheus}",
    )
    for port in (alertmanager, prometheus):
        ready = partial(answers, f"http://127.0.0.1:{port}/-/ready")
        wait_for("monitoring", ready, within_s=30)


def hook_of(stack: Stack) -> str:
    """The address of the integration the bootstrap made."""
    code = "from incidents.models import Integration; print(Integration.objects.get().pk)"
    shown = subprocess.run(
        [sys.executable, "manage.py", "shell", "--no-imports", "-c", code],
        env=stack.env(),
        capture_output=True,
        text=True,
        check=True,
    )
    return f"{stack.url}/hooks/{shown.stdout.split()[-1]}/"


def test_a_rule_that_fires_and_clears_opens_and_resolves_one_incident(
    stack: Stack, gauge: Gauge
) -> None:
    stack.prepare()
    stack.start_airra()
    start_monitoring(stack, hook_of(stack), gauge.port)
    with stack.api("responder") as api:

        def incidents() -> list[dict[str, Any]]:
            return list(api.get("/incidents").json()["items"])

        gauge.value = 0.12
        found = wait_for("an incident", incidents, within_s=40)
        assert found[0]["service"] == "checkout"
        assert found[0]["severity"] == "critical"
        gauge.value = 0.0
        wait_for(
            "the resolve", lambda: incidents()[0]["state"] == "resolved", within_s=60, every_s=0.5
        )
        assert len(incidents()) == 1, json.dumps(incidents())
