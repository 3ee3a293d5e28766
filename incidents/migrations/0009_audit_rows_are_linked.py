"""Data: every row there is joins the chain; from then on the database links each new one.

On PostgreSQL by a deferred constraint trigger: it fires as part of the commit, takes the lock of
the chain's head there, and nothing but the checks of foreign keys can come after it. SQLite has one
writer at a time anyway, so its trigger fires with the insert. Neither lets in a row without a body,
and both fail the whole transaction when they cannot write the link.
"""

import uuid

from django.db import migrations

from airra.lib import hashchain
from airra.lib.appendonly import append_only
from incidents.models.audit import SEALED, body_of

EVENT, LINK, HEAD = "incidents_auditevent", "incidents_auditlink", "incidents_audithead"
CHUNK = 500

POSTGRES = """
CREATE OR REPLACE FUNCTION airra_audit_has_body() RETURNS trigger AS $$
BEGIN
  IF NEW.body = '' THEN
    RAISE EXCEPTION 'incidents_auditevent: a row without a body cannot be chained'
      USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END
$$ LANGUAGE plpgsql;

CREATE OR REPLACE FUNCTION airra_audit_link() RETURNS trigger AS $$
DECLARE
  head incidents_audithead%ROWTYPE;
  fresh text;
  sha text := encode(sha256(convert_to(NEW.body, 'UTF8')), 'hex');
  linked text;
BEGIN
  SELECT * INTO head FROM incidents_audithead WHERE id = 1 FOR UPDATE;
  IF NOT FOUND THEN
    IF EXISTS (SELECT 1 FROM incidents_auditlink) THEN
      RAISE EXCEPTION 'incidents_audithead: the audit chain has lost its head'
        USING ERRCODE = 'check_violation';
    END IF;
    fresh := replace(gen_random_uuid()::text, '-', '');
    INSERT INTO incidents_audithead (id, chain, seq, hash) VALUES (
      1, fresh, 0, encode(sha256(convert_to('airra-audit-1' || E'\\n' || fresh, 'UTF8')), 'hex')
    ) ON CONFLICT (id) DO NOTHING;
    SELECT * INTO STRICT head FROM incidents_audithead WHERE id = 1 FOR UPDATE;
  END IF;
  linked := encode(sha256(convert_to(
    'airra-audit-1' || E'\\n' || (head.seq + 1)::text || E'\\n' || head.hash || E'\\n' || sha,
    'UTF8')), 'hex');
  INSERT INTO incidents_auditlink (seq, event_id, body_sha, prev, hash)
    VALUES (head.seq + 1, NEW.id, sha, head.hash, linked);
  UPDATE incidents_audithead SET seq = head.seq + 1, hash = linked WHERE id = 1;
  RETURN NULL;
END
$$ LANGUAGE plpgsql;

CREATE TRIGGER incidents_auditevent_body BEFORE INSERT ON incidents_auditevent
  FOR EACH ROW EXECUTE FUNCTION airra_audit_has_body();
CREATE CONSTRAINT TRIGGER incidents_auditevent_link AFTER INSERT ON incidents_auditevent
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION airra_audit_link();
"""
POSTGRES_BACK = """
DROP TRIGGER IF EXISTS incidents_auditevent_link ON incidents_auditevent;
DROP TRIGGER IF EXISTS incidents_auditevent_body ON incidents_auditevent;
DROP FUNCTION IF EXISTS airra_audit_link();
DROP FUNCTION IF EXISTS airra_audit_has_body();
"""
# SHA256 is a function that Django gives to its SQLite connections: without it nothing is written.
SQLITE = """
CREATE TRIGGER incidents_auditevent_link AFTER INSERT ON incidents_auditevent
BEGIN
  SELECT RAISE(ABORT, 'incidents_auditevent: a row without a body cannot be chained')
    WHERE NEW.body = '';
  INSERT INTO incidents_audithead (id, chain, seq, hash)
    SELECT 1, lower(hex(randomblob(16))), 0, ''
    WHERE NOT EXISTS (SELECT 1 FROM incidents_audithead)
      AND NOT EXISTS (SELECT 1 FROM incidents_auditlink);
  UPDATE incidents_audithead SET hash = SHA256('airra-audit-1' || char(10) || chain)
    WHERE id = 1 AND seq = 0;
  SELECT RAISE(ABORT, 'incidents_audithead: the audit chain has lost its head')
    WHERE NOT EXISTS (SELECT 1 FROM incidents_audithead WHERE id = 1);
  INSERT INTO incidents_auditlink (seq, event_id, body_sha, prev, hash)
    SELECT seq + 1, NEW.id, SHA256(NEW.body), hash, SHA256(
      'airra-audit-1' || char(10) || (seq + 1) || char(10) || hash || char(10) || SHA256(NEW.body))
    FROM incidents_audithead WHERE id = 1;
  UPDATE incidents_audithead SET seq = seq + 1, hash = (
    SELECT link.hash FROM incidents_auditlink link WHERE link.event_id = NEW.id) WHERE id = 1;
END
"""
SQLITE_BACK = "DROP TRIGGER IF EXISTS incidents_auditevent_link"


def chain_what_is_there(apps, editor):
    """In the order in which the rows were written; the refusal of an UPDATE returns after this."""
    suffix = "" if editor.connection.vendor == "sqlite" else f" ON {EVENT}"
    editor.execute(f"DROP TRIGGER IF EXISTS {EVENT}_no_update{suffix}", params=None)
    events, links, heads = (
        apps.get_model("incidents", name) for name in ("AuditEvent", "AuditLink", "AuditHead")
    )
    chain = uuid.uuid4().hex
    seq, previous, last = 0, hashchain.genesis(chain), 0
    while True:
        rows = list(events.objects.filter(pk__gt=last).order_by("pk")[:CHUNK])
        if not rows:
            break
        made = []
        for row in rows:
            row.salts = hashchain.fresh_salts(SEALED)
            row.body = body_of(row)
            seq, sha = seq + 1, hashchain.sha(row.body)
            hashed = hashchain.link_hash(seq, previous, sha)
            made.append(links(seq=seq, event=row, body_sha=sha, prev=previous, hash=hashed))
            previous, last = hashed, row.pk
        events.objects.bulk_update(rows, ["body", "salts"])
        links.objects.bulk_create(made)
    heads.objects.create(id=1, chain=chain, seq=seq, hash=previous)


def link_from_now_on(_, editor):
    editor.execute(SQLITE if editor.connection.vendor == "sqlite" else POSTGRES, params=None)


def link_no_more(apps, editor):
    """Back to rows without a chain; a later way forward makes a new one."""
    is_sqlite = editor.connection.vendor == "sqlite"
    editor.execute(SQLITE_BACK if is_sqlite else POSTGRES_BACK, params=None)
    suffix = "" if is_sqlite else f" ON {LINK}"
    for verb in ("update", "delete"):
        editor.execute(f"DROP TRIGGER IF EXISTS {LINK}_no_{verb}{suffix}", params=None)
    apps.get_model("incidents", "AuditLink").objects.all().delete()
    apps.get_model("incidents", "AuditHead").objects.all().delete()


class Migration(migrations.Migration):
    dependencies = [("incidents", "0008_audit_chain")]
    operations = [
        migrations.RunPython(chain_what_is_there, migrations.RunPython.noop),
        append_only(EVENT, again=True),
        append_only(LINK, again=True),
        migrations.RunPython(link_from_now_on, link_no_more),
    ]
