"""Checkpoints: when one is due, where it goes, what happens when it cannot; the nightly check."""

import base64
import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from django.contrib.auth.models import User
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from pytest_httpserver import HTTPServer

from airra.lib import clock, signing
from incidents import tasks
from incidents.commands import audit, audit_keeping
from incidents.models import AuditCheckpoint, AuditHead, AuditLink, AuditVerification, Workspace

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _alone(settings: Any) -> None:
    settings.AUDIT_EXPORT_DIR = settings.AUDIT_EXPORT_URL = settings.AUDIT_KEY = ""
    cache.clear()


def write(place: Workspace, rows: int = 1) -> None:
    for _ in range(rows):
        audit.record("test.done", target=place)
    connection.check_constraints()  # links what a commit would link


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("audit", *arguments, stdout=out, stderr=out)
    return out.getvalue()


def test_one_is_due_after_an_hour_in_which_something_was_written(
    workspace: Workspace, hands: clock.Hands
) -> None:
    assert not audit_keeping.is_due()
    write(workspace)
    audit_keeping.tend()
    first = AuditCheckpoint.objects.get()
    assert (first.seq, first.at) == (AuditHead.objects.get().seq, clock.now())
    hands.advance(hours=2)
    audit_keeping.tend()
    assert AuditCheckpoint.objects.count() == 1  # nothing new to sign
    write(workspace)
    audit_keeping.tend()
    assert AuditCheckpoint.objects.count() == 2
    write(workspace)
    hands.advance(minutes=59)
    audit_keeping.tend()
    assert AuditCheckpoint.objects.count() == 2
    hands.advance(minutes=1)
    audit_keeping.tend()
    assert AuditCheckpoint.objects.count() == 3


def test_one_is_due_after_a_thousand_rows(
    workspace: Workspace, hands: clock.Hands, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert audit_keeping.EVERY_ROWS == 1_000
    monkeypatch.setattr(audit_keeping, "EVERY_ROWS", 5)
    write(workspace)
    audit_keeping.tend()
    write(workspace, rows=4)
    audit_keeping.tend()
    assert AuditCheckpoint.objects.count() == 1
    write(workspace)
    audit_keeping.tend()
    assert AuditCheckpoint.objects.count() == 2


def test_anybody_with_the_public_key_can_check_one(workspace: Workspace, settings: Any) -> None:
    """By the description alone: canonical JSON of the fields, Ed25519 over its bytes."""
    settings.AUDIT_KEY = base64.b64encode(bytes(range(32))).decode()
    write(workspace)
    made = audit_keeping.checkpoint()
    assert made is not None
    public, key_id = run("key").split()
    message = (
        f'{{"at":"{made.at:%Y-%m-%dT%H:%M:%S.%f}+00:00","chain":"{made.chain}",'
        f'"format":"airra-audit-1","hash":"{made.hash}","key":"{key_id}","seq":{made.seq}}}'
    )
    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public))
    key.verify(base64.b64decode(made.signature), message.encode())
    assert not signing.signing_key().is_derived


def test_a_derived_key_says_so() -> None:
    assert "Derived from AIRRA_SECRET_KEY: whoever has that one can sign as well" in run("key")


def test_a_key_may_be_hex_base64_or_pem(settings: Any) -> None:
    seed = bytes(range(32))
    pem = Ed25519PrivateKey.from_private_bytes(seed).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    given = (seed.hex(), base64.b64encode(seed).decode(), pem.decode())
    found = set()
    for settings.AUDIT_KEY in given:
        found.add(signing.signing_key().public)
    assert len(found) == 1


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("hunter2", "expected 32 bytes in base64 or hex"),
        ("zz" * 32, "expected 32 bytes"),
        ("-----BEGIN PRIVATE KEY-----\nx\n-----END PRIVATE KEY-----", "no unencrypted private key"),
        ("RSA", "not of the kind Ed25519"),
    ],
)
def test_what_is_no_key_is_told_without_repeating_it(
    given: str, told: str, settings: Any, workspace: Workspace
) -> None:
    if given == "RSA":
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        given = secret.decode()
    settings.AUDIT_KEY = given
    write(workspace)
    with pytest.raises(CommandError, match=told) as failure:
        run("checkpoint")
    assert given not in str(failure.value)
    audit_keeping.tend()  # the sweep goes on
    assert not AuditCheckpoint.objects.exists()
    report = audit_keeping.check_now()
    assert "it could not be checked" in str(report.problems[0])


def test_each_is_appended_to_a_file_once(
    workspace: Workspace, settings: Any, tmp_path: Path
) -> None:
    settings.AUDIT_EXPORT_DIR = str(tmp_path / "anchors")
    write(workspace)
    assert "exported 1" in run("checkpoint")
    assert "exported" not in run("checkpoint")
    write(workspace)
    assert "exported 1" in run("checkpoint")
    (path,) = (tmp_path / "anchors").iterdir()
    assert path.name == f"airra-audit-{AuditHead.objects.get().chain[:12]}.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["seq"] for line in lines] == list(
        AuditCheckpoint.objects.values_list("seq", flat=True)
    )
    assert not AuditCheckpoint.objects.filter(exported_at=None).exists()
    assert "4 checkpoints" in run("verify")  # two of the table, two of the file
    assert run("verify").strip().endswith("intact")


def test_a_torn_last_line_is_closed_before_the_next(
    workspace: Workspace, settings: Any, tmp_path: Path
) -> None:
    settings.AUDIT_EXPORT_DIR = str(tmp_path)
    write(workspace)
    run("checkpoint")
    (path,) = tmp_path.iterdir()
    whole = path.read_text()
    path.write_text(whole[:50])
    AuditCheckpoint.objects.update(exported_at=None)
    audit_keeping.export()
    assert path.read_text() == f"{whole[:50]}\n{whole}"
    assert run("verify").strip().endswith("intact")


def test_a_place_that_fails_is_told_and_gets_it_later(
    workspace: Workspace, settings: Any, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    settings.AUDIT_EXPORT_DIR = str(tmp_path / "file" / "below")
    write(workspace)
    with pytest.raises(CommandError, match="AIRRA_AUDIT_EXPORT_DIR: cannot write"):
        run("checkpoint")
    audit_keeping.tend()  # the sweep goes on
    assert AuditCheckpoint.objects.get().exported_at is None
    settings.AUDIT_EXPORT_DIR = str(tmp_path / "anchors")
    audit_keeping.tend()
    assert AuditCheckpoint.objects.get().exported_at is not None


def test_each_is_posted(workspace: Workspace, settings: Any, httpserver: HTTPServer) -> None:
    settings.AUDIT_EXPORT_URL = httpserver.url_for("/anchors")
    httpserver.expect_oneshot_request("/anchors").respond_with_data("no", status=507)
    httpserver.expect_request("/anchors", method="POST").respond_with_data("")
    write(workspace)
    with pytest.raises(CommandError, match="AIRRA_AUDIT_EXPORT_URL answered 507"):
        run("checkpoint")
    assert "exported 1" in run("checkpoint")
    request, _ = httpserver.log[-1]
    assert request.headers["Content-Type"] == "application/x-ndjson"
    (line,) = request.get_data().decode().splitlines()
    assert json.loads(line)["signature"] == AuditCheckpoint.objects.get().signature


def test_the_nightly_check_is_asked_for_once_and_kept(
    workspace: Workspace, hands: clock.Hands, django_capture_on_commit_callbacks: Any
) -> None:
    write(workspace)
    with django_capture_on_commit_callbacks(execute=True):
        tasks.sweep()
        tasks.sweep()
    (kept,) = AuditVerification.objects.all()
    assert (kept.problem, kept.to_seq) == ("", AuditHead.objects.get().seq)
    with django_capture_on_commit_callbacks(execute=True):
        hands.advance(hours=23)
        tasks.sweep()
    assert AuditVerification.objects.count() == 1
    cache.clear()
    with django_capture_on_commit_callbacks(execute=True):
        hands.advance(hours=2)
        tasks.sweep()
    assert AuditVerification.objects.count() == 2


def seen(client: Client) -> str:
    return " ".join(client.get("/audit/").content.decode().split())


def test_the_page_and_readiness_tell_how_it_stands(
    workspace: Workspace, viewer: User, client: Client, hands: clock.Hands
) -> None:
    def ready() -> str:
        return str(client.get("/ready").json()["audit"])

    client.force_login(viewer)
    write(workspace)
    assert "Not verified yet" in seen(client)
    assert ready() == "not verified yet"
    top = AuditHead.objects.get().seq
    audit_keeping.checkpoint()
    audit_keeping.check_now()
    assert f"Verified up to row {top} of {top}" in seen(client)
    assert f"Last signed point: row {top}" in seen(client)
    assert "in this database alone" in seen(client)
    assert ready() == "ok"
    hands.advance(days=3)
    assert "Check overdue" in seen(client)
    assert ready().startswith("late: last verified 2026-03-02 03:00")
    AuditHead.objects.update(hash="0" * 64)
    audit_keeping.check_now()
    assert f"row {top}: the chain's head has another hash" in seen(client).replace("&#x27;", "'")
    assert ready().startswith(f"broken: row {top}")


def test_the_page_shows_places_in_the_chain_and_all_about_one_thing(
    workspace: Workspace, viewer: User, client: Client
) -> None:
    client.force_login(viewer)
    write(workspace)
    audit.record("test.other", target=viewer, workspace_id=workspace.pk)
    connection.check_constraints()
    link = AuditLink.objects.order_by("seq").last()
    assert link is not None
    assert f'{link.seq} <span class="muted">{link.hash[:8]}</span>' in seen(client)
    about = f"/audit/?target=user:{viewer.pk}"
    body = client.get(about).content.decode()
    assert "test.other" in body
    assert "test.done" not in body
    assert "Nothing matches" in client.get("/audit/?target=user").content.decode()
    head, *rows = b"".join(client.get("/audit.csv")).decode().splitlines()
    assert head.endswith("request_id,seq,hash")
    assert any(row.endswith(f",{link.seq},{link.hash}") for row in rows)
