"""The audit record: its rows, the hash chain that links them, and the signed points of it.

The database links each row by itself, as the last thing before the commit (migration 0009): no way
of writing a row leaves it out of the chain, and the lock that makes `seq` gapless is held for the
commit alone.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from django.db import models
from django.db.models import Q

from airra.lib import clock, hashchain

# In the body as salted digests alone, so that they can be erased: names, addresses, free text.
SEALED = ("actor", "target", "before", "after", "reason", "origin")
ERASED = "(erased)"  # what stands in place of such a value; its salt is gone as well


class AppendOnlyQuerySet(models.QuerySet[Any]):
    def update(self, **_: Any) -> int:
        msg = "append-only: rows of this table are never changed"
        raise TypeError(msg)

    def delete(self) -> tuple[int, dict[str, int]]:
        msg = "append-only: rows of this table are never deleted"
        raise TypeError(msg)


class AuditEvent(models.Model):
    """Who did what to what. No foreign keys, so the record never depends on live rows."""

    at = models.DateTimeField(default=clock.now, editable=False)
    workspace_id = models.UUIDField(null=True, db_index=True)
    actor_id = models.CharField(max_length=40, blank=True)
    actor = models.CharField(max_length=150)
    kind = models.CharField(max_length=60, db_index=True)
    target_type = models.CharField(max_length=40)
    target_id = models.CharField(max_length=40, db_index=True)
    target = models.CharField(max_length=200)
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)
    reason = models.TextField(blank=True)
    origin = models.CharField(max_length=60, blank=True, help_text="Address or process.")
    request_id = models.CharField(max_length=40, blank=True)
    body = models.TextField(
        default="", editable=False, help_text="What the chain covers: canonical JSON, RFC 8785."
    )
    salts = models.JSONField(default=dict, editable=False)

    objects = AppendOnlyQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.actor}: {self.kind} {self.target}"


def body_of(event: Any, *, sealed: Iterable[str] = SEALED) -> str:
    """The canonical body of a row, from its columns and salts; the same on either database."""
    clear = {
        "at": event.at.astimezone(UTC).isoformat(timespec="microseconds"),
        "workspace": str(event.workspace_id) if event.workspace_id else None,
        "actor_id": event.actor_id,
        "kind": event.kind,
        "target_type": event.target_type,
        "target_id": event.target_id,
        "request_id": event.request_id,
    }
    return hashchain.body_of(clear, {name: getattr(event, name) for name in sealed}, event.salts)


class AuditLink(models.Model):
    """The place of one row in the chain. Written by the database at commit, never by us."""

    seq = models.BigIntegerField(primary_key=True)
    event = models.OneToOneField(
        AuditEvent, models.DO_NOTHING, db_constraint=False, related_name="link"
    )
    body_sha = models.CharField(max_length=64)
    prev = models.CharField(max_length=64)
    hash = models.CharField(max_length=64)

    objects = AppendOnlyQuerySet.as_manager()

    class Meta:
        ordering = ["seq"]

    def __str__(self) -> str:
        return f"{self.seq} {self.hash[:12]}"


class AuditHead(models.Model):
    """One row: which chain this is and where it ends. Its lock gives out the numbers."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    chain = models.CharField(max_length=32)
    seq = models.BigIntegerField()
    hash = models.CharField(max_length=64)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(id=1), name="audit_has_one_head")]

    def __str__(self) -> str:
        return f"{self.chain} at {self.seq}"


class AuditCheckpoint(models.Model):
    """A signed statement that the chain was at this point; worth most where it left the database.

    `key_id` names the public key; `exported_at` is None until every configured place has it.
    """

    seq = models.BigIntegerField(unique=True)
    hash = models.CharField(max_length=64)
    chain = models.CharField(max_length=32)
    at = models.DateTimeField()
    key_id = models.CharField(max_length=16)
    signature = models.CharField(max_length=88)
    exported_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["seq"]

    def __str__(self) -> str:
        return f"{self.seq} {self.hash[:12]} at {self.at:%Y-%m-%d %H:%M}"

    def statement(self) -> dict[str, Any]:
        """What is signed, and what a line of an export holds beside the signature."""
        return statement(
            chain=self.chain, seq=self.seq, hash_=self.hash, at=self.at, key_id=self.key_id
        )


def statement(*, chain: str, seq: int, hash_: str, at: datetime, key_id: str) -> dict[str, Any]:
    return {
        "format": hashchain.FORMAT,
        "chain": chain,
        "seq": seq,
        "hash": hash_,
        "at": at.astimezone(UTC).isoformat(timespec="microseconds"),
        "key": key_id,
    }


class AuditVerification(models.Model):
    """One check of the whole chain and what it found; the newest stands on the audit page."""

    at = models.DateTimeField()
    seconds = models.FloatField()
    rows = models.BigIntegerField()
    to_seq = models.BigIntegerField()
    checkpoints = models.IntegerField()
    bad_seq = models.BigIntegerField(null=True)
    problem = models.TextField(blank=True)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return self.problem or f"intact up to {self.to_seq}"
