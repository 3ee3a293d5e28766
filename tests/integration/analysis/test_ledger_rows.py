"""The ledger as rows: asked once, opened alike, and a chain that shows what was touched."""

from dataclasses import replace
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction

from airra.lib import clock
from analysis.commands.investigation.ledger import Recorder
from analysis.models import Evidence, Investigation
from analysis.queries import chain
from analysis.types import Custody, EvidenceDraft, EvidenceStatus, Onset, Points
from incidents.commands import audit
from tests.factories import analysis as make
from tests.factories import incidents

pytestmark = pytest.mark.django_db
ODD = Onset("front", "errors", 1e22, 1e-9, "up", -0.0, 1.0, 3.5, until=None)


def draft(service: str = "front", **fields: Any) -> EvidenceDraft:
    made = EvidenceDraft(
        tool="get_onsets",
        arguments={"service": service},
        source="prometheus",
        native_query="errors",
        window=(1_000.25, 2_000.5),
        status=EvidenceStatus.OK,
        coverage=0.3333333333333333,
        summary="errors of front rose",
        custody=Custody.APP_METRIC,
        facts=(ODD, Points("front", "errors", (1.0, 2.0), (None, 1.0))),
        view="what was seen",
        raw_sha256="ab" * 32,
    )
    return replace(made, **fields)


@pytest.fixture
def run() -> Investigation:
    about = incidents.incident()
    make.connector(about.workspace)
    return make.investigation(about, state=Investigation.State.RUNNING, finished_at=None)


@pytest.fixture
def rows(run: Investigation) -> list[Evidence]:
    """Four rows, as the database gives them back."""
    recorder = Recorder(run)
    for service in ("front", "middle", "store", "bank"):
        recorder.store(draft(service))
    return list(Evidence.objects.order_by("seq"))


def test_what_was_stored_is_intact(run: Investigation, rows: list[Evidence]) -> None:
    assert chain.verify_chain(run) == chain.Chain(4, ())
    assert rows[0].connector is not None
    assert {len(row.args_hash) for row in rows} == {64}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("view", "what was never seen"),
        ("summary", "errors of front rose."),
        ("facts", []),
        ("status", "empty"),
        ("coverage", 1.0),
        ("custody", "platform_api"),
        ("native_query", "errors or vector(0)"),
        ("arguments", {}),
        ("tool_version", 7),
        ("is_truncated", True),
        ("connector_id", None),
        ("executed_at", clock.now()),
        ("raw_sha256", ""),
        ("attempt", 2),
    ],
)
def test_one_changed_byte_is_found(rows: list[Evidence], field: str, value: object) -> None:
    setattr(rows[1], field, value)
    assert any("E2" in problem and "changed" in problem for problem in chain.broken_links(rows))


def test_a_row_with_its_hash_made_anew_breaks_the_next_link(rows: list[Evidence]) -> None:
    rows[1].view = "what was never seen"
    rows[1].hash = chain.hash_of(rows[1])
    assert chain.broken_links(rows) == ["E3 of attempt 1 does not follow the one before"]


@pytest.mark.parametrize("gone", [0, 1, 2])
def test_a_row_that_is_gone_is_found(rows: list[Evidence], gone: int) -> None:
    del rows[gone]
    assert f"E{gone + 1} of attempt 1 is gone" in chain.broken_links(rows)


def test_rows_that_changed_places_are_found(rows: list[Evidence]) -> None:
    rows[1], rows[2] = rows[2], rows[1]
    assert chain.broken_links(rows)
    rows[1].seq, rows[2].seq = 2, 3
    assert chain.broken_links(rows)


def test_the_audit_log_knows_how_it_ended(run: Investigation, rows: list[Evidence]) -> None:
    """The last row has no row after it, so the settlement notes its hash."""
    noted = {"ledger": {"attempt": 1, **chain.head_of(rows)}}
    audit.record("investigation.settled", target=run, after=noted)
    assert chain.verify_chain(run).is_intact
    shorter = {"ledger": {"attempt": 1, **chain.head_of(rows[:-1])}}
    audit.record("investigation.settled", target=run, after=shorter)
    assert "the settlement saw 3 rows" in chain.verify_chain(run).problems[0]


def test_rows_from_before_calls_were_hashed_are_left_out(run: Investigation) -> None:
    make.evidence(run, 1)
    assert chain.verify_chain(run) == chain.Chain(0, ())
    noted = {"ledger": {"attempt": 1, "rows": 1, "head": "ab"}}
    audit.record("investigation.settled", target=run, after=noted)
    assert not chain.verify_chain(run).is_intact


def test_the_command_names_what_was_touched(
    run: Investigation, rows: list[Evidence], capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("verify_evidence")
    assert "4 rows of evidence in 1 investigations: all as they were" in capsys.readouterr().out
    noted = {"ledger": {"attempt": 1, **chain.head_of(rows[:-1])}}
    audit.record("investigation.settled", target=run, after=noted)
    with pytest.raises(CommandError, match="1 were touched"):
        call_command("verify_evidence")
    assert f"{run.incident.key} {run.pk}: attempt 1" in capsys.readouterr().out
    call_command("verify_evidence", days=0)
    assert "0 rows" in capsys.readouterr().out


def test_the_database_refuses_a_change(rows: list[Evidence]) -> None:
    with (
        pytest.raises(DatabaseError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute("UPDATE analysis_evidence SET summary = 'nothing'")


def test_the_same_call_is_one_row(run: Investigation) -> None:
    recorder = Recorder(run)
    first = recorder.store(draft())
    again = recorder.store(draft(status=EvidenceStatus.ERROR, summary="asked twice"))
    assert again is first
    assert recorder.known("get_onsets", {"service": "front"}) is first
    assert recorder.known("get_onsets", {}) is None
    assert Evidence.objects.count() == 1


def test_every_view_opens_with_its_number_and_how_far_it_tells(run: Investigation) -> None:
    entry = Recorder(run).store(draft(status=EvidenceStatus.PARTIAL, is_truncated=True))
    assert entry.draft.view.splitlines() == [
        "E1 get_onsets: partial, coverage 33%, cut",
        "what was seen",
    ]
    assert Evidence.objects.get().view == entry.draft.view


def test_errors_are_evidence(run: Investigation) -> None:
    refused = draft(status=EvidenceStatus.DENIED, coverage=0.0, facts=(), view="")
    Recorder(run).store(refused)
    assert Evidence.objects.get().status == EvidenceStatus.DENIED
    assert chain.verify_chain(run).is_intact
