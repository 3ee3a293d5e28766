"""What left for a model and what it cost: on record, whether or not it was sent."""

from typing import Any

from django.db import models
from django.db.models import Q

from airra.lib import clock
from airra.lib.ids import uuid7
from analysis.models.investigation import Investigation
from analysis.types import CallStatus
from incidents.models import AppendOnlyQuerySet, Workspace


class ModelCall(models.Model):
    """One attempt of a call: append-only, and each hash over the one before.

    The chain holds digests of request and answer, so it stands when the payload is deleted.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    investigation = models.ForeignKey(Investigation, models.PROTECT, related_name="model_calls")
    attempt = models.PositiveSmallIntegerField()
    seq = models.PositiveIntegerField(help_text="Within the investigation, over its attempts.")
    provider = models.CharField(max_length=60)
    model = models.CharField(max_length=100)
    sdk = models.CharField(max_length=60, blank=True)
    prompt_version = models.CharField(max_length=20, blank=True)
    at = models.DateTimeField(default=clock.now)
    latency_ms = models.PositiveIntegerField(default=0)
    status = models.CharField(max_length=10, choices=[(s, s) for s in CallStatus])
    reason = models.CharField(max_length=500, blank=True, help_text="Why it was blocked or failed.")
    input_tokens = models.PositiveIntegerField(default=0)
    output_tokens = models.PositiveIntegerField(default=0)
    cache_read_tokens = models.PositiveIntegerField(default=0)
    cache_write_tokens = models.PositiveIntegerField(default=0)
    cost_microusd = models.PositiveBigIntegerField(default=0, help_text="Millionths of a dollar.")
    is_priced = models.BooleanField(default=True, help_text="Off: the price was not known.")
    stop_reason = models.CharField(max_length=60, blank=True)
    request_id = models.CharField(max_length=100, blank=True)
    request_sha = models.CharField(max_length=64)
    response_sha = models.CharField(max_length=64, blank=True)
    request_bytes = models.PositiveIntegerField(default=0)
    response_bytes = models.PositiveIntegerField(default=0)
    prev_hash = models.CharField(max_length=64, blank=True)
    hash = models.CharField(max_length=64)

    objects = AppendOnlyQuerySet.as_manager()

    class Meta:
        ordering = ["seq"]
        constraints = [
            models.UniqueConstraint(
                fields=["investigation", "seq"], name="one_model_call_per_number"
            )
        ]

    def __str__(self) -> str:
        return f"call {self.seq} to {self.model}: {self.status}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            msg = "calls to models are append-only"
            raise TypeError(msg)
        super().save(*args, **kwargs)

    def delete(self, *_: Any, **__: Any) -> tuple[int, dict[str, int]]:
        msg = "calls to models are append-only"
        raise TypeError(msg)


class ModelPayload(models.Model):
    """Exactly what left and what came back, encrypted; deleted when its time is over."""

    call = models.OneToOneField(ModelCall, models.PROTECT, primary_key=True, related_name="payload")
    method = models.CharField(max_length=10)
    path = models.CharField(max_length=300)
    http_status = models.PositiveSmallIntegerField(default=0)
    headers = models.JSONField(default=dict)
    request = models.BinaryField()
    response = models.BinaryField()
    error = models.CharField(max_length=500, blank=True, help_text="Why the answer broke off.")
    kept_until = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"payload of {self.call_id}"


class ModelScript(models.Model):
    """What a replay needs besides the ledger and the calls: the incident as it was told.

    The pseudonyms are encrypted; they also serve to read what left.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    investigation = models.ForeignKey(Investigation, models.CASCADE, related_name="scripts")
    attempt = models.PositiveSmallIntegerField()
    context = models.JSONField()
    providers = models.JSONField(default=list, help_text="The chain as it was, without keys.")
    policies = models.JSONField(default=dict, help_text="What might leave, by source.")
    guidance = models.JSONField(
        default=list, help_text="Notes, by the question they were heard at."
    )
    suggestions = models.JSONField(default=list)
    pseudonyms = models.BinaryField(default=bytes)
    at = models.DateTimeField(default=clock.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["investigation", "attempt"], name="one_script_per_attempt"
            )
        ]

    def __str__(self) -> str:
        return f"script of {self.investigation_id}, attempt {self.attempt}"


class ModelSpend(models.Model):
    """What was used and what is reserved, of one investigation or of one day of a workspace.

    A reservation is one UPDATE that only succeeds below the ceiling. One whose process died stays:
    the call may have been sent, so it counts as its dearest.
    """

    class Scope(models.TextChoices):
        INVESTIGATION = "investigation"
        DAY = "day"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="+")
    scope = models.CharField(max_length=13, choices=Scope.choices)
    key = models.CharField(max_length=36, help_text="Id of the investigation, or the day in UTC.")
    used_microusd = models.BigIntegerField(default=0)
    reserved_microusd = models.BigIntegerField(default=0)
    tokens = models.BigIntegerField(default=0)
    reserved_tokens = models.BigIntegerField(default=0)
    turns = models.IntegerField(default=0)
    open_turns = models.IntegerField(default=0, help_text="Reserved, and not yet reconciled.")
    refused = models.IntegerField(default=0, help_text="Calls that were not sent for its ceiling.")
    began_at = models.DateTimeField(default=clock.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "scope", "key"], name="one_spend_per_scope_and_key"
            ),
            models.CheckConstraint(
                condition=Q(used_microusd__gte=0, reserved_microusd__gte=0, open_turns__gte=0),
                name="spend_is_never_negative",
            ),
        ]

    def __str__(self) -> str:
        return f"spend of {self.scope} {self.key}"
