"""What people are told to paste works: it is valid where it goes, and read by its own format."""

import json
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from incidents.ingest.alerts import Batch, Message
from incidents.ingest.formats.eventbridge import STATE_CHANGE
from incidents.ingest.formats.registry import FORMATS
from incidents.ingest.guides import GUIDES
from incidents.ingest.reading import read
from incidents.ingest.snippets import Door, Snippet
from incidents.models import Integration

ROOT = Path(__file__).resolve().parents[3]
SECRET = "airra_in_s3cret"
TOPIC = "arn:aws:sns:eu-west-1:123456789012:alarms"
FAKE = """
curl() { while [ $# -gt 0 ]; do if [ "$1" = -d ]; then printf '%s' "$2"; fi; shift; done; }
aws() { printf '%s\\036' "$@"; }
gh() { printf '%s\\n' "$@"; }
"""


def pasted(kind: str) -> list[Snippet]:
    door = Door(
        "https://airra.example.org", "0190", SECRET, topics=(TOPIC,),
        template=FORMATS[kind].template,
    )  # fmt: skip
    return GUIDES[kind].paste(door)


def run(script: str) -> str:
    """What a shell makes of it, with the programs it calls replaced by ones that print."""
    done = subprocess.run(
        ["/bin/bash", "-euc", FAKE + script], capture_output=True, text=True, check=True,
        env={"GITHUB_RUN_ID": "1", "GITHUB_RUN_ATTEMPT": "1", "GITHUB_SHA": "4f2c1ab",
             "GITHUB_REPOSITORY": "o/r", "GITHUB_REF_NAME": "main", "GITHUB_ACTOR": "ana",
             "TOKEN": SECRET, "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    return done.stdout


def batch(kind: str, body: str, *, content_type: str = "", channel: str = "") -> Batch:
    message = Message(
        body.encode(), datetime(2026, 3, 1, tzinfo=UTC), content_type=content_type, channel=channel
    )
    return read(kind, message, mapping={})


def test_every_kind_has_a_guide_and_every_guide_a_page() -> None:
    assert set(GUIDES) == set(Integration.Kind.values) - {"otlp"} == set(FORMATS)
    for guide in GUIDES.values():
        assert (ROOT / "docs/guides" / guide.docs).exists(), guide.docs


def test_alertmanagers_lines_are_yaml_with_the_address_and_the_token() -> None:
    receivers, routes = pasted("alertmanager")
    (receiver,) = yaml.safe_load(receivers.text)["receivers"]
    (hook,) = receiver["webhook_configs"]
    assert hook["url"] == "https://airra.example.org/hooks/0190/"
    assert hook["http_config"]["authorization"] == {"type": "Bearer", "credentials": SECRET}
    assert hook["send_resolved"] is True
    ours, rest = yaml.safe_load(routes.text)
    assert ours == {"receiver": "airra", "continue": True}
    assert rest["receiver"], "else the receiver of the root hears nothing any more"


def test_grafanas_file_is_yaml_with_the_address_and_the_token() -> None:
    (snippet,) = pasted("grafana")
    (point,) = yaml.safe_load(snippet.text)["contactPoints"]
    settings: dict[str, Any] = point["receivers"][0]["settings"]
    assert settings["url"] == "https://airra.example.org/hooks/0190/"
    assert settings["authorization_credentials"] == SECRET


def test_datadogs_headers_and_payload_are_json() -> None:
    headers, payload, _ = pasted("datadog")
    assert json.loads(headers.text) == {"Authorization": f"Bearer {SECRET}"}
    assert json.loads(payload.text)["alert_transition"] == "$ALERT_TRANSITION"


@pytest.mark.parametrize(
    ("kind", "number", "is_over"), [("generic", 0, False), ("generic", 1, True),
                                    ("pagerduty_events", 0, False), ("cloudevents", 0, False)],
)  # fmt: skip
def test_what_a_command_sends_is_read_as_an_alert(kind: str, number: int, is_over: bool) -> None:
    body = run(pasted(kind)[number].text)
    media = "application/cloudevents+json" if kind == "cloudevents" else "application/json"
    (alert,) = batch(kind, body, content_type=media).alerts
    assert (alert.service, alert.is_resolved) == ("payments", is_over)
    assert "full" in alert.title


def test_what_a_pipeline_sends_is_read_as_a_change() -> None:
    send, step = pasted("changes")
    (steps,) = yaml.safe_load(step.text)
    for body in (run(send.text), run(steps["run"])):
        (change,) = batch("changes", body).changes
        assert (change.kind, change.service, change.revision) == ("deploy", "payments", "4f2c1ab")
    (told,) = batch(
        "pagerduty_events", run(pasted("pagerduty_events")[1].text), channel="change"
    ).changes
    assert told.service == "payments"


def test_the_commands_of_aws_are_whole() -> None:
    (subscribe,) = pasted("cloudwatch_sns")
    assert TOPIC in run(subscribe.text).split("\x1e")
    (steps,) = pasted("eventbridge")
    words = run(steps.text.replace("<", "_").replace(">", "_")).split("\x1e")
    connection, pattern, targets = (json.loads(w) for w in words if w.startswith(("{", "[")))
    assert connection["ApiKeyAuthParameters"]["ApiKeyValue"] == SECRET
    assert pattern["detail-type"] == [STATE_CHANGE]
    assert targets[0]["Id"] == "airra"


def test_githubs_command_names_the_address_and_the_secret() -> None:
    (snippet,) = pasted("github")
    as_zsh_does = "shopt -s failglob\n"  # it takes brackets without quotes for a pattern of files
    told = run(as_zsh_does + snippet.text.replace("<", "").replace(">", "")).splitlines()
    assert f"config[secret]={SECRET}" in told
    assert "config[url]=https://airra.example.org/hooks/0190/" in told
