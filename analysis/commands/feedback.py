"""What people say of a hypothesis: a label to learn from, never evidence."""

from django.contrib.auth.models import User
from django.db import transaction

from airra.lib import clock
from airra.lib.db import compare_and_set
from analysis.models import Hypothesis
from incidents.commands import audit, timeline
from incidents.models import TimelineEvent
from incidents.permissions import Permission
from incidents.queries.access import require


def confirm(*, hypothesis: Hypothesis, by: User, reason: str = "") -> Hypothesis:
    """This was the cause. Raises `Conflict` when somebody has judged it meanwhile."""
    return _judge(hypothesis, Hypothesis.Verdict.CONFIRMED, "confirmed", by, reason)


def rule_out(*, hypothesis: Hypothesis, by: User, reason: str = "") -> Hypothesis:
    """This was not the cause; a plan is never made from it again."""
    return _judge(hypothesis, Hypothesis.Verdict.RULED_OUT, "ruled out", by, reason)


@transaction.atomic
def _judge(
    hypothesis: Hypothesis, verdict: Hypothesis.Verdict, word: str, by: User, reason: str
) -> Hypothesis:
    incident = hypothesis.investigation.incident
    require(by, Permission.RESPOND, incident.workspace)
    before = hypothesis.verdict
    compare_and_set(
        hypothesis,
        "verdict",
        expect=before,
        to=verdict,
        verdict_by=by,
        verdict_at=clock.now(),
        verdict_reason=reason,
    )
    said = f": {reason}" if reason else ""
    timeline.record(
        incident, TimelineEvent.Kind.VERDICT, f"{word} “{hypothesis.statement}”{said}", by=by
    )
    audit.record(
        f"hypothesis.{verdict}",
        target=hypothesis,
        by=by,
        before={"verdict": before},
        after={"verdict": verdict},
        reason=reason,
        workspace_id=incident.workspace_id,
    )
    return hypothesis
