"""The search for a cause: its state, its ledger of evidence, its hypotheses and their claims."""

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q

from airra.lib import clock
from airra.lib.ids import uuid7
from analysis.models.connector import Connector
from analysis.types import (
    ClaimVerdict,
    Custody,
    EvidenceStatus,
    HypothesisState,
    Mechanism,
    Outcome,
    Weight,
)
from incidents.models import AppendOnlyQuerySet, Incident, Service


class Investigation(models.Model):
    class State(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        SETTLED = "settled"
        FAILED = "failed"
        CANCELLED = "cancelled"

    LIVE = (State.QUEUED, State.RUNNING)

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    incident = models.ForeignKey(Incident, models.CASCADE, related_name="investigations")
    state = models.CharField(max_length=10, choices=State.choices, default=State.QUEUED)
    stage = models.CharField(max_length=40, blank=True, help_text="What it is doing now.")
    outcome = models.CharField(max_length=30, blank=True, choices=[(o, o) for o in Outcome])
    reasoner = models.CharField(max_length=60, blank=True)
    prompt_version = models.CharField(max_length=20, blank=True)
    summary = models.TextField(blank=True)
    narrative = models.TextField(blank=True, help_text="The same in prose, from the ledger alone.")
    second_opinion = models.CharField(
        max_length=400, blank=True, help_text="What the offline reasoner says beside a model."
    )
    ended = models.CharField(max_length=20, blank=True, help_text="Why the search was over.")
    open_questions = models.JSONField(default=list)
    usage = models.JSONField(default=dict, help_text="Tokens and turns, where a model was asked.")
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+"
    )
    attempts = models.PositiveSmallIntegerField(default=0)
    lease_until = models.DateTimeField(null=True)
    last_event = models.PositiveIntegerField(default=0, help_text="Number of its newest event.")
    cancel_requested_at = models.DateTimeField(null=True)
    cancelled_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+"
    )
    created_at = models.DateTimeField(default=clock.now, editable=False)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    error = models.TextField(blank=True)

    class Meta:
        ordering = ["created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["incident"],
                condition=Q(state__in=["queued", "running"]),
                name="one_live_investigation_per_incident",
            ),
            models.CheckConstraint(
                condition=~Q(state="settled") | Q(finished_at__isnull=False),
                name="settled_investigation_has_an_end",
            ),
        ]

    def __str__(self) -> str:
        return f"Investigation of {self.incident.key}"


class Evidence(models.Model):
    """One tool run, as it was: append-only and hash-chained within its investigation."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    investigation = models.ForeignKey(Investigation, models.PROTECT, related_name="evidence")
    attempt = models.PositiveSmallIntegerField(default=1)
    seq = models.PositiveIntegerField(help_text="Shown as E7.")
    tool = models.CharField(max_length=40)
    tool_version = models.PositiveSmallIntegerField(default=1)
    arguments = models.JSONField(default=dict)
    args_hash = models.CharField(
        max_length=64, blank=True, help_text="Of the call with its defaults: asked once only."
    )
    connector = models.ForeignKey(Connector, models.PROTECT, null=True, related_name="+")
    native_query = models.TextField(blank=True)
    window_start = models.DateTimeField()
    window_end = models.DateTimeField()
    executed_at = models.DateTimeField(default=clock.now)
    duration_ms = models.PositiveIntegerField(default=0)
    status = models.CharField(max_length=10, choices=[(s, s) for s in EvidenceStatus])
    coverage = models.FloatField(default=1.0)
    summary = models.CharField(max_length=300)
    facts = models.JSONField(default=list)
    view = models.TextField(blank=True, help_text="Exactly what a model may see.")
    raw_sha256 = models.CharField(
        max_length=64, blank=True, help_text="Of the whole answer, before anything was cut."
    )
    is_truncated = models.BooleanField(default=False)
    custody = models.CharField(max_length=20, choices=[(c, c) for c in Custody])
    prev_hash = models.CharField(max_length=64, blank=True)
    hash = models.CharField(max_length=64)

    objects = AppendOnlyQuerySet.as_manager()

    class Meta:
        ordering = ["attempt", "seq"]
        verbose_name_plural = "evidence"
        constraints = [
            models.UniqueConstraint(
                fields=["investigation", "attempt", "seq"], name="one_evidence_per_number"
            ),
            models.UniqueConstraint(
                fields=["investigation", "attempt", "args_hash"],
                condition=~Q(args_hash=""),
                name="one_evidence_per_call",
            ),
        ]

    def __str__(self) -> str:
        return f"E{self.seq} {self.summary}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            msg = "evidence is append-only"
            raise TypeError(msg)
        super().save(*args, **kwargs)

    def delete(self, *_: Any, **__: Any) -> tuple[int, dict[str, int]]:
        msg = "evidence is append-only"
        raise TypeError(msg)


class Hypothesis(models.Model):
    """A rival explanation. Its state and confidence are written by `settle`, never by a model."""

    class Verdict(models.TextChoices):
        CONFIRMED = "confirmed"
        RULED_OUT = "ruled_out"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    investigation = models.ForeignKey(Investigation, models.CASCADE, related_name="hypotheses")
    rank = models.PositiveSmallIntegerField()
    entity = models.CharField(max_length=120)
    service = models.ForeignKey(Service, models.PROTECT, null=True, related_name="+")
    mechanism = models.CharField(max_length=12, choices=[(m, m) for m in Mechanism])
    signal = models.CharField(max_length=20, blank=True, help_text="What shows it: cpu, pool …")
    statement = models.CharField(max_length=300)
    trigger = models.JSONField(default=dict, help_text="The change event behind it, if any.")
    path = models.JSONField(default=list, help_text="Services from the cause to the symptom.")
    predictions = models.JSONField(default=list, help_text="What would change our mind.")
    origin = models.CharField(max_length=10)
    state = models.CharField(max_length=12, choices=[(s, s) for s in HypothesisState])
    confidence = models.FloatField()
    caps = models.JSONField(default=list, help_text="Why the confidence is no higher.")
    is_tainted = models.BooleanField(default=False)
    verdict = models.CharField(max_length=10, blank=True, choices=Verdict.choices)
    verdict_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+"
    )
    verdict_at = models.DateTimeField(null=True)
    verdict_reason = models.TextField(blank=True)

    class Meta:
        ordering = ["rank"]
        verbose_name_plural = "hypotheses"
        constraints = [
            models.UniqueConstraint(fields=["investigation", "rank"], name="one_hypothesis_a_rank"),
            models.CheckConstraint(
                condition=Q(confidence__gte=0, confidence__lte=1), name="confidence_is_a_share"
            ),
            models.CheckConstraint(
                condition=Q(verdict="") | Q(verdict_by__isnull=False, verdict_at__isnull=False),
                name="verdict_has_an_author_and_a_time",
            ),
        ]

    def __str__(self) -> str:
        return self.statement


class Claim(models.Model):
    """A typed statement over evidence, re-computed by code."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    hypothesis = models.ForeignKey(Hypothesis, models.CASCADE, related_name="claims")
    kind = models.CharField(max_length=20)
    is_for = models.BooleanField(default=True, help_text="Off: it speaks against.")
    statement = models.CharField(max_length=300)
    operands = models.JSONField(default=dict)
    evidence = models.ManyToManyField(Evidence, related_name="claims")
    verdict = models.CharField(max_length=12, choices=[(v, v) for v in ClaimVerdict])
    weight = models.CharField(max_length=10, choices=[(w, w) for w in Weight])
    is_open = models.BooleanField(
        default=False, help_text="Something it cites was not answered, or is gone."
    )
    is_tainted = models.BooleanField(
        default=False, help_text="Outsiders can write what it rests on."
    )
    explanation = models.CharField(max_length=300, blank=True)

    def __str__(self) -> str:
        return self.statement
