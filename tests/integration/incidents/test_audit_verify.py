"""What the check of the chain finds when somebody with every right on the database was at it."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection

from airra.lib import hashchain, signing
from incidents.commands import audit, audit_keeping
from incidents.models import AuditCheckpoint, AuditHead, AuditLink, AuditVerification, Workspace
from incidents.models.audit import body_of
from incidents.queries.audit_anchors import line_of
from incidents.queries.audit_chain import verify

pytestmark = pytest.mark.django_db(transaction=True)

ROWS = 12


@pytest.fixture(autouse=True)
def place(settings: Any, tmp_path: Path) -> Workspace:
    """A chain of twelve rows, without any export."""
    settings.AUDIT_EXPORT_DIR = settings.AUDIT_EXPORT_URL = ""
    here = Workspace.objects.create(id=uuid4(), name="Chained", slug="chained")
    for number in range(1, ROWS + 1):
        audit.record("test.done", target=here, after={"number": number}, reason=f"reason {number}")
    return here


@contextmanager
def superuser() -> Iterator[Callable[..., None]]:
    """Run SQL without the triggers that refuse it, and put them back as if nothing had been."""
    tables = ("incidents_auditevent", "incidents_auditlink")
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            for table in tables:
                cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER ALL")
            yield lambda sql, *given: cursor.execute(sql, given)
            for table in tables:
                cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER ALL")
            return
        cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
        kept = [row for row in cursor.fetchall() if row[1].split(" ON ")[1].split()[0] in tables]
        for name, _ in kept:
            cursor.execute(f"DROP TRIGGER {name}")
        yield lambda sql, *given: cursor.execute(sql, given)
        for _, text in kept:
            cursor.execute(text)


def checked(*arguments: str) -> tuple[str, str]:
    """What `manage.py audit verify` prints, and how it fails; empty when it does not."""
    out = StringIO()
    try:
        call_command("audit", "verify", *arguments, stdout=out)
    except CommandError as error:
        assert error.returncode == 1  # noqa: PT017 - of every failure, whichever it is
        return out.getvalue(), str(error)
    return out.getvalue(), ""


def event_of(seq: int) -> int:
    return AuditLink.objects.get(pk=seq).event_id


def exported(tmp_path: Path) -> Path:
    """A checkpoint of the present, as a file that somebody took away."""
    made = audit_keeping.checkpoint()
    assert made is not None
    path = tmp_path / "taken-away.jsonl"
    with path.open("a", encoding="utf-8") as file:
        file.write(line_of(made) + "\n")
    return path


def test_an_untouched_chain_is_intact() -> None:
    said, failure = checked()
    assert failure == ""
    assert "rows 1 to 12: 12 checked" in said
    assert "rows/s" in said
    assert "no checkpoint is later than row 0" in said
    assert said.strip().endswith("intact")


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("actor", "somebody else"),
        ("reason", "reason 6"),
        ("kind", "test.donf"),
        ("target_id", "7"),
        ("origin", "10.0.0.1"),
        ("at", "2026-01-01 00:00:00.000001+00:00"),
        ("after", '{"number": 5.5}'),
        ("before", '{"a": null}'),
        ("workspace_id", "00000000000000000000000000000001"),
    ],
)
def test_a_changed_column_is_found_and_named(column: str, value: str) -> None:
    if column == "at" and connection.vendor == "sqlite":
        value = "2026-01-01 00:00:00.000001"
    with superuser() as sql:
        change = f"UPDATE incidents_auditevent SET {column} = %s WHERE id = %s"  # noqa: S608
        sql(change, value, event_of(5))
    name = {"workspace_id": "workspace"}.get(column, column)
    said, failure = checked()
    assert f"row 5: its {name} was changed" in said
    assert "broken, first at row 5" in failure


def test_a_flipped_byte_of_a_body_is_found() -> None:
    with superuser() as sql:
        sql(
            "UPDATE incidents_auditevent SET body = replace(body, 'test.done', 'test.dane') "
            "WHERE id = %s",
            event_of(5),
        )
    assert "row 5: its content was changed" in checked()[1]


def test_a_body_that_was_rewritten_to_fit_its_columns_is_found() -> None:
    row = AuditLink.objects.select_related("event").get(pk=5).event
    row.actor = "somebody else"
    with superuser() as sql:
        sql(
            "UPDATE incidents_auditevent SET actor = %s, body = %s WHERE id = %s",
            row.actor,
            body_of(row),
            row.pk,
        )
    assert "row 5: its content was changed" in checked()[1]


@pytest.mark.parametrize("column", ["hash", "prev", "body_sha"])
def test_a_flipped_byte_of_a_link_is_found(column: str) -> None:
    link = AuditLink.objects.get(pk=5)
    old = getattr(link, column)
    flipped = ("1" if old[0] == "0" else "0") + old[1:]
    with superuser() as sql:
        sql(f"UPDATE incidents_auditlink SET {column} = %s WHERE seq = 5", flipped)  # noqa: S608
    assert "row 5" in checked()[1]


def test_a_value_its_column_cannot_hold_is_found() -> None:
    if connection.vendor == "postgresql":
        pytest.skip("the column refuses it")
    with superuser() as sql:
        sql("UPDATE incidents_auditevent SET workspace_id = 'x' WHERE id = %s", event_of(5))
    assert "row 5: its content was changed and cannot be read any more" in checked()[1]


def test_a_deleted_row_is_found() -> None:
    with superuser() as sql:
        sql("DELETE FROM incidents_auditevent WHERE id = %s", event_of(5))
    assert "row 5: what it told was deleted" in checked()[1]


def test_a_row_deleted_with_its_link_is_found() -> None:
    with superuser() as sql:
        sql("DELETE FROM incidents_auditevent WHERE id = %s", event_of(5))
        sql("DELETE FROM incidents_auditlink WHERE seq IN (5, 6)")
    assert "row 5: is gone, and so is all up to row 6" in checked()[1]


def test_a_gap_that_was_closed_is_found() -> None:
    """The row is deleted and every later number moved down by one."""
    with superuser() as sql:
        sql("DELETE FROM incidents_auditlink WHERE seq = 5")
        for seq in range(6, ROWS + 1):
            sql("UPDATE incidents_auditlink SET seq = %s WHERE seq = %s", seq - 1, seq)
        sql("UPDATE incidents_audithead SET seq = seq - 1")
    assert "row 5: does not follow the row before it" in checked()[1]


def test_a_reordered_pair_is_found() -> None:
    five, six = event_of(5), event_of(6)
    with superuser() as sql:
        sql("UPDATE incidents_auditlink SET event_id = -1 WHERE seq = 5")
        sql("UPDATE incidents_auditlink SET event_id = %s WHERE seq = 6", five)
        sql("UPDATE incidents_auditlink SET event_id = %s WHERE seq = 5", six)
    assert "row 5: its content was changed" in checked()[1]


def test_a_reordered_pair_of_links_is_found() -> None:
    with superuser() as sql:
        for old, new in ((5, -5), (6, 5), (-5, 6)):
            sql("UPDATE incidents_auditlink SET seq = %s WHERE seq = %s", new, old)
    assert "row 5: does not follow the row before it" in checked()[1]


def test_a_row_slipped_in_beside_the_chain_is_found() -> None:
    with superuser() as sql:
        sql(
            "INSERT INTO incidents_auditevent (at, actor_id, actor, kind, target_type, target_id, "
            "target, before, after, reason, origin, request_id, body, salts) VALUES "
            "('2026-01-01 00:00:00+00:00', '', 'x', 'forged.row', 'x', '1', 'x', '{}', '{}', '', "
            "'', '', 'x', '{}')"
        )
    assert "(forged.row) is in no chain" in checked()[1]


def cut(seq: int, *, head_too: bool) -> None:
    """Take away every row after `seq`; a careful attacker sets back the head as well."""
    last = AuditLink.objects.get(pk=seq)
    with superuser() as sql:
        sql(
            "DELETE FROM incidents_auditevent WHERE id IN "
            "(SELECT event_id FROM incidents_auditlink WHERE seq > %s)",
            seq,
        )
        sql("DELETE FROM incidents_auditlink WHERE seq > %s", seq)
        if head_too:
            sql("UPDATE incidents_audithead SET seq = %s, hash = %s", seq, last.hash)


def test_a_tail_cut_off_carelessly_is_found_by_the_head() -> None:
    cut(9, head_too=False)
    assert "row 10: is gone, and so is all up to row 12" in checked()[1]


def test_a_tail_cut_off_carefully_is_found_by_a_checkpoint_and_by_nothing_else(
    tmp_path: Path,
) -> None:
    taken_away = exported(tmp_path)
    cut(9, head_too=True)
    AuditCheckpoint.objects.all().delete()
    said, failure = checked()
    assert failure == ""
    assert "if rows after row 9 had been cut off, head and all, only a checkpoint" in said
    said, failure = checked("--checkpoints", str(taken_away))
    assert "row 12: the checkpoint in taken-away.jsonl, line 1" in failure
    assert "its tail was cut" in failure


def rewrite(from_seq: int) -> None:
    """All that a superuser can do: change a row, and compute every later link again."""
    links = list(AuditLink.objects.select_related("event").filter(seq__gte=from_seq))
    previous = AuditLink.objects.get(pk=from_seq - 1).hash
    links[0].event.actor = "nobody"
    with superuser() as sql:
        for link in links:
            body = body_of(link.event)
            sha = hashchain.sha(body)
            hashed = hashchain.link_hash(link.seq, previous, sha)
            sql(
                "UPDATE incidents_auditevent SET actor = %s, body = %s WHERE id = %s",
                link.event.actor,
                body,
                link.event.pk,
            )
            sql(
                "UPDATE incidents_auditlink SET body_sha = %s, prev = %s, hash = %s WHERE seq = %s",
                sha,
                previous,
                hashed,
                link.seq,
            )
            previous = hashed
        sql("UPDATE incidents_audithead SET hash = %s", previous)


def test_a_chain_that_was_rewritten_whole_is_found_by_a_checkpoint_alone(tmp_path: Path) -> None:
    taken_away = exported(tmp_path)
    rewrite(5)
    AuditCheckpoint.objects.all().delete()
    assert checked()[1] == ""
    said, failure = checked("--checkpoints", str(taken_away))
    assert "shows another hash for row 12" in failure
    assert "the chain was rewritten" in said


def test_another_database_put_in_its_place_is_found(tmp_path: Path) -> None:
    taken_away = exported(tmp_path)
    other = uuid4().hex
    with superuser() as sql:
        sql("DELETE FROM incidents_auditevent")
        sql("DELETE FROM incidents_auditlink")
    AuditCheckpoint.objects.all().delete()
    AuditHead.objects.update(chain=other, seq=0, hash=hashchain.genesis(other))
    audit.record("test.done", target=Workspace.objects.first() or Workspace())
    assert "is of another chain" in checked("--checkpoints", str(taken_away))[1]


@pytest.mark.parametrize(
    ("name", "value"), [("seq", 11), ("hash", "0" * 64), ("at", "2020-01-01T00:00:00.000000+00:00")]
)
def test_a_forged_checkpoint_is_found(tmp_path: Path, name: str, value: object) -> None:
    path = exported(tmp_path)
    told = json.loads(path.read_text())
    path.write_text(json.dumps({**told, name: value}) + "\n")
    assert (
        "is forged or damaged: its signature does not fit" in checked("--checkpoints", str(path))[1]
    )


def test_a_checkpoint_of_another_key_is_found_unless_it_is_trusted(
    tmp_path: Path, settings: Any
) -> None:
    settings.AUDIT_KEY = "11" * 32
    public = signing.signing_key().public
    path = exported(tmp_path)
    settings.AUDIT_KEY = "22" * 32
    assert "signed by a key that is not trusted" in checked("--checkpoints", str(path))[1]
    settings.AUDIT_OLD_KEYS = [public]
    assert checked("--checkpoints", str(path))[1] == ""
    settings.AUDIT_OLD_KEYS = []
    assert checked("--checkpoints", str(path), "--public-key", public)[1] == ""
    with pytest.raises(CommandError, match="is no public key"):
        call_command("audit", "verify", "--public-key", "x")


def test_a_checkpoint_forged_in_the_table_is_found() -> None:
    audit_keeping.checkpoint()
    AuditCheckpoint.objects.update(seq=11, hash=AuditLink.objects.get(pk=11).hash)
    assert "the checkpoint in the database is forged" in checked()[1]


def test_lines_that_are_no_checkpoints_are_found_and_a_torn_one_is_not(tmp_path: Path) -> None:
    path = exported(tmp_path)
    line = path.read_text()
    path.write_text(line[:40] + "\n" + line)  # a crash, and then the whole line
    assert checked("--checkpoints", str(path))[1] == ""
    path.write_text(line + "rubbish\n" + line)
    assert "taken-away.jsonl, line 2 is no checkpoint" in checked("--checkpoints", str(path))[1]
    path.write_text(line + '{"seq": "1", "signature": 5}\n')
    assert "line 2 is no checkpoint" in checked("--checkpoints", str(path))[1]


def test_a_file_that_is_not_there_is_told() -> None:
    with pytest.raises(CommandError, match=r"cannot read /nowhere.*No such file"):
        call_command("audit", "verify", "--checkpoints", "/nowhere")
    with pytest.raises(CommandError, match="counted from 1"):
        call_command("audit", "verify", "--from-seq", "0")


def test_a_later_beginning_takes_what_is_before_on_trust_and_says_so() -> None:
    with superuser() as sql:
        sql("UPDATE incidents_auditevent SET actor = 'x' WHERE id = %s", event_of(3))
    said, failure = checked("--from-seq", "8")
    assert failure == ""
    assert "rows 8 to 12: 5 checked" in said
    assert "rows before 8 were not looked at" in said
    assert checked()[1].startswith("broken, first at row 3")
    assert not AuditVerification.objects.filter(problem="", to_seq=12).exists()


def test_the_check_reads_in_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("incidents.queries.audit_chain.PAGE", 5)
    report = verify()
    assert (report.is_intact, report.rows) == (True, ROWS)
    with superuser() as sql:
        sql("UPDATE incidents_auditevent SET actor = 'x' WHERE id = %s", event_of(11))
    assert str(verify().problems[0]) == "row 11: its actor was changed"


def test_what_is_erased_with_a_record_leaves_the_chain_whole() -> None:
    erase = (
        "audit",
        "erase",
        "--rows",
        "3",
        "5",
        "--fields",
        "actor",
        "after",
        "--reason",
        "asked",
    )
    call_command(*erase, stdout=StringIO())
    row = AuditLink.objects.select_related("event").get(pk=5).event
    assert (row.actor, row.after) == ("(erased)", {"(erased)": True})
    assert set(row.salts) == {"target", "before", "reason", "origin"}
    said, failure = checked()
    assert failure == ""
    assert "2 rows had a part erased, each told by a later row" in said
    with pytest.raises(DatabaseError, match="append-only"), connection.cursor() as cursor:
        cursor.execute("UPDATE incidents_auditevent SET actor = 'x'")


def test_what_is_emptied_without_a_record_is_found() -> None:
    with superuser() as sql:
        sql("UPDATE incidents_auditevent SET salts = '{}' WHERE id = %s", event_of(5))
    assert "row 5: parts were erased and no erasure was recorded" in checked()[1]


@pytest.mark.parametrize(
    ("rows", "reason", "told"),
    [("99", "asked", "there is no row 99"), ("3", " ", "say why, and which of")],
)
def test_an_erasure_that_makes_no_sense_changes_nothing(rows: str, reason: str, told: str) -> None:
    with pytest.raises(CommandError, match=told):
        call_command("audit", "erase", "--rows", rows, "--fields", "actor", "--reason", reason)
    assert checked()[1] == ""
