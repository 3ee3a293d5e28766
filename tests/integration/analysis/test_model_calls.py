"""What left is on record: chained, sealed, and deleted in its time without breaking the chain."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import DatabaseError, connections, transaction
from pytest_django.fixtures import Settings

from airra.lib import clock
from airra.lib.sealed import CannotUnseal, unseal
from analysis.commands import model_call
from analysis.commands.model_gate import names_of, open_gate
from analysis.models import Connector, Investigation, ModelCall, ModelPayload
from analysis.queries.model_calls import hash_of
from analysis.types import CallStatus, IncidentContext, LeavePolicy
from tests.factories import incidents as make
from tests.factories.model_calls import ANSWER, BODY, call
from tests.integration.analysis.file_database import on_file

CONTEXT = IncidentContext("INC-1", "slow", "payments", "high", 0.0, 60.0, ("payments",), ())


@pytest.fixture
def investigation(db: None) -> Investigation:
    return Investigation.objects.create(
        incident=make.incident(), started_at=clock.now(), attempts=1
    )


def is_whole(investigation: Investigation) -> bool:
    before = ""
    for number, row in enumerate(investigation.model_calls.order_by("seq"), 1):
        if (row.seq, row.prev_hash) != (number, before):
            return False
        if row.hash != hash_of(row, before):
            return False
        before = row.hash
    return True


def test_calls_are_chained_and_payloads_sealed(investigation: Investigation) -> None:
    first = model_call.record(investigation=investigation, call=call())
    second = model_call.record(investigation=investigation, call=call(status=CallStatus.FAILED))
    assert second.prev_hash == first.hash
    assert is_whole(investigation)
    assert b"why" not in bytes(first.payload.request)
    assert unseal(first.payload.request) == BODY
    assert unseal(first.payload.response) == ANSWER


def test_a_blocked_call_leaves_no_payload(investigation: Investigation) -> None:
    row = model_call.record(
        investigation=investigation,
        call=call(status=CallStatus.BLOCKED, reason="held a token", recorded=None),
    )
    assert not ModelPayload.objects.filter(call=row).exists()


@pytest.mark.django_db
def test_the_database_refuses_to_change_a_call(investigation: Investigation) -> None:
    model_call.record(investigation=investigation, call=call())
    with (
        pytest.raises(DatabaseError, match="append-only"),
        transaction.atomic(),
        connections["default"].cursor() as cursor,  # the queryset would refuse earlier
    ):
        cursor.execute("UPDATE analysis_modelcall SET model = 'other'")


def test_payloads_go_in_their_time_and_the_chain_stands(
    investigation: Investigation, settings: Settings
) -> None:
    settings.MODEL_PAYLOAD_DAYS = 30
    model_call.record(investigation=investigation, call=call())
    assert model_call.prune(clock.now() + timedelta(days=29)) == 0
    assert model_call.prune(clock.now() + timedelta(days=31)) == 1
    assert ModelCall.objects.count() == 1
    assert is_whole(investigation)


def test_another_key_reads_nothing(investigation: Investigation, settings: Settings) -> None:
    row = model_call.record(investigation=investigation, call=call())
    settings.PAYLOAD_KEY = "another"
    with pytest.raises(CannotUnseal):
        unseal(row.payload.request)


@pytest.mark.django_db(transaction=True)
def test_parallel_calls_are_numbered_without_gaps(tmp_path: Path) -> None:
    def work(_: int) -> None:
        try:
            model_call.record(investigation=made, call=call())
        finally:
            connections.close_all()

    with on_file(tmp_path):
        made = Investigation.objects.create(incident=make.incident(), attempts=1)
        with ThreadPoolExecutor(6) as pool:
            list(pool.map(work, range(24)))
        assert made.model_calls.count() == 24
        assert is_whole(made)


def test_pseudonyms_stay_over_attempts(investigation: Investigation) -> None:
    gate, _ = open_gate(investigation=investigation, ctx=CONTEXT, chain=[])
    hidden = gate.hide("db7.prod.internal slowed payments")
    assert hidden == "<HOST_1> slowed payments"
    gate.on_call(call())
    sealed = investigation.scripts.get().pseudonyms
    assert b"db7" not in bytes(sealed)
    Investigation.objects.filter(pk=investigation.pk).update(attempts=2)
    investigation.refresh_from_db()
    assert json.dumps(dict(names_of(investigation))) == '{"<HOST_1>": "db7.prod.internal"}'
    again, _ = open_gate(investigation=investigation, ctx=CONTEXT, chain=[])
    assert again.show("<HOST_1>") == "db7.prod.internal"


@pytest.mark.parametrize(
    ("kind", "policy"),
    [
        ("prometheus", LeavePolicy.MAY_LEAVE),
        ("kubernetes", LeavePolicy.MAY_LEAVE),
        ("loki", LeavePolicy.TEMPLATES_ONLY),
        ("logfiles", LeavePolicy.TEMPLATES_ONLY),
        ("otlp", LeavePolicy.TEMPLATES_ONLY),
    ],
)
def test_lines_stay_at_home_unless_somebody_says_otherwise(
    investigation: Investigation, kind: str, policy: LeavePolicy
) -> None:
    workspace = investigation.incident.workspace
    source = Connector.objects.create(workspace=workspace, name="s", kind=kind, url="http://s")
    gate, _ = open_gate(investigation=investigation, ctx=CONTEXT, chain=[])
    assert gate.policies["s"] is policy
    source.leave_policy = Connector.Leaving.NEVER
    source.save()
    again, _ = open_gate(investigation=investigation, ctx=CONTEXT, chain=[])
    assert again.policies["s"] is LeavePolicy.NEVER
