"""Everything the approval screen shows, in the order people need it.

What changes, how far it reaches, why, what speaks against, the prediction, the way back, and what
came of it before.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from airra.lib import clock
from analysis.queries.hypotheses import HypothesisRow, row_of
from incidents.models import Incident
from remediation.models import Approval, Plan, Vote
from remediation.queries import stops
from remediation.queries.executions import Record, record_of
from remediation.queries.plan import DiffLine, PlanPanel, panel_of, plan_diff, risk_factors
from remediation.queries.plan_steps import StepRow, bound, steps_of
from remediation.queries.say import name_of

_BLAST = "blast"


@dataclass(frozen=True)
class Change:
    """One thing that differs between the plan on the screen and the one that replaced it."""

    name: str
    before: str
    after: str


@dataclass(frozen=True)
class Successor:
    """What replaced the plan on the screen: look again, at both."""

    approval: Approval
    old: list[DiffLine]
    new: list[DiffLine]
    changes: list[Change]


@dataclass(frozen=True)
class Standing:
    """Where the question stands now, as one sentence above everything else."""

    key: str
    tone: str
    mark: str  # an icon
    text: str
    successor: Successor | None = None

    @property
    def is_open(self) -> bool:
        return self.key in {"waiting", "one_of_two"}


@dataclass(frozen=True)
class Review:
    approval: Approval
    panel: PlanPanel
    standing: Standing
    records: Sequence[tuple[str, Record]]
    evidence: HypothesisRow | None
    votes: Sequence[Vote]
    earlier: Sequence[Approval]
    steps: Sequence[StepRow] = ()
    factors: Sequence[object] = field(default_factory=list)

    @property
    def blast(self) -> str:
        """How far it reaches, in the words of the risk."""
        found = (f.reason for f in risk_factors(self.approval.plan) if _BLAST in f.name)
        return next(found, "")

    @property
    def against(self) -> int:
        """How many claims speak against it, those that did not hold included."""
        row = self.evidence
        return len(row.speaking_against) + len(row.failed) if row else 0

    @property
    def time_left(self) -> int:
        """Hundredths of the time to decide that are left."""
        whole = (self.approval.expires_at - self.approval.requested_at).total_seconds()
        left = (self.approval.expires_at - clock.now()).total_seconds()
        return max(0, min(100, round(100 * left / whole))) if whole > 0 else 0

    @property
    def tag(self) -> str:
        return tag_of(self.panel, self.standing)


def review(approval: Approval) -> Review:
    plan = approval.plan
    panel = panel_of(approval)
    steps = steps_of(plan)
    votes = approval.votes.select_related("by", "voice")
    return Review(
        approval=approval,
        panel=panel,
        standing=standing_of(panel, approval),
        records=_records(plan, steps),
        evidence=row_of(plan.hypothesis) if plan.hypothesis else None,
        votes=list(votes),
        earlier=_earlier(plan.incident, approval),
        steps=steps,
        factors=risk_factors(plan),
    )


def _records(plan: Plan, steps: Sequence[StepRow]) -> list[tuple[str, Record]]:
    """What came of each step's action before, each distinct one once, by the step's title."""
    distinct = {(step.action, step.service): step.title for step in reversed(steps)}
    return [
        (title, record_of(plan.incident.workspace, action=action, service=service))
        for (action, service), title in reversed(distinct.items())
    ]


def tag_of(panel: PlanPanel, standing: Standing) -> str:
    newer = standing.successor.approval.pk.hex[-12:] if standing.successor else ""
    approval = panel.approval
    minute = f"{clock.now():%H%M}" if approval and standing.is_open else ""  # the time left moves
    return f"{panel.tag}_{standing.key}{newer}{minute}"


def _earlier(incident: Incident, approval: Approval) -> list[Approval]:
    """What was asked about this incident before, newest first."""
    found = Approval.objects.filter(plan__incident=incident).exclude(pk=approval.pk)
    found = found.filter(requested_at__lte=approval.requested_at)
    return list(found.select_related("plan", "decided_by").order_by("-requested_at")[:5])


def standing_of(panel: PlanPanel, approval: Approval) -> Standing:
    """One query at most: the policy, or what replaced it when it is void."""
    state = approval.state
    if state == Approval.State.VOID:
        return _void(approval)
    if state == Approval.State.PENDING and panel.is_asking:
        text = "Asking the target what it would change now…"
        return Standing("asking", "tone-violet", "hourglass", text)
    if state == Approval.State.PENDING:
        return _pending(approval)
    who = name_of(approval.decided_by)
    said = f": {approval.reason}" if approval.reason else "."
    ended = {
        Approval.State.APPROVED: ("green", "shield-check", f"Approved by {who}{said}"),
        Approval.State.REJECTED: ("red", "shield-x", f"Rejected by {who}{said}"),
        Approval.State.RETURNED: ("amber", "rotate-ccw", f"{who} asked for changes{said}"),
        Approval.State.EXPIRED: ("amber", "clock", "Nobody answered in time, so it expired."),
    }
    tone, mark, text = ended[Approval.State(state)]
    return Standing(state, f"tone-{tone}", mark, text)


def _pending(approval: Approval) -> Standing:
    killed = stops.killed(stops.places_of(approval.plan))
    if killed:
        text = f"The kill switch is on: nothing can be approved, and nothing runs ({killed})."
        return Standing("killed", "tone-red", "octagon-alert", text)
    people = "two people" if approval.needed == 2 else "one person"
    if approval.first_approver_id is not None:
        text = f"{name_of(approval.first_approver)} has approved; a second person is needed."
        return Standing("one_of_two", "tone-amber", "user-check", text)
    return Standing("waiting", approval.plan.risk_band, "triangle-alert", f"It needs {people}.")


def _void(approval: Approval) -> Standing:
    why = approval.void_reason or "what it was about has changed"
    newer = _successor(approval)
    if newer is None:
        text = f"This request is void: {why}."
        return Standing("void", "tone-amber", "triangle-alert", text)
    text = "Changed since your dry run: look again."
    old, new = approval.plan, newer.plan
    shown = Successor(
        approval=newer,
        old=plan_diff(old),
        new=plan_diff(new),
        changes=_changes(old, new),
    )
    return Standing("changed", "tone-red", "refresh-cw", text, shown)


def _successor(approval: Approval) -> Approval | None:
    """The question that waits about the same incident instead."""
    waiting = Approval.objects.filter(
        plan__incident=approval.plan.incident_id, state=Approval.State.PENDING
    )
    found = waiting.exclude(pk=approval.pk).select_related("plan", "requested_by")
    return found.order_by("-requested_at").first()


def _changes(old: Plan, new: Plan) -> list[Change]:
    """What the hash binds and the two diffs do not show."""
    now = dict(_told(new))
    return [Change(name, was, now[name]) for name, was in _told(old) if was != now[name]]


def _told(plan: Plan) -> list[tuple[str, str]]:
    return [
        ("Action", plan.title),
        ("Version of the policy", str(plan.policy_version)),
        ("Risk", plan.risk_band),
        ("People", plan.decision),
        *bound(steps_of(plan)),
    ]
