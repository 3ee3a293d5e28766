"""Grouping rules as people see them, and what one would have done to stored alerts."""

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Count, Q, QuerySet
from django.shortcuts import get_object_or_404

from airra.lib import clock
from incidents.ingest.grouping.compare import Comparison, Moved, compare
from incidents.ingest.grouping.decide import Scene
from incidents.ingest.grouping.replay import Happening, Replay
from incidents.ingest.grouping.types import Means, Rule
from incidents.ingest.matching import BadMatcher, Matcher, matchers
from incidents.models import Alert, GroupingRule, RuleTrial, Workspace
from incidents.queries import grouping
from incidents.queries.access import AnyUser, workspaces_of

MAX_ALERTS = 20_000
SHOWN_TRIALS = 10
DAYS = (1, 7, 30)


@dataclass(frozen=True)
class RuleRow:
    rule: GroupingRule
    matchers: tuple[Matcher, ...]
    waiting: int
    decided: int


@dataclass(frozen=True)
class History:
    """What a trial replays, twice: with the rules `as_they_are`, and with the draft among them.

    `since` is where it begins: later than asked for when there were too many alerts.
    """

    as_they_are: Replay
    with_draft: Replay
    happenings: list[Happening]
    since: datetime
    is_cut: bool

    def compared(self) -> dict[str, Any]:
        """The result, as it is stored, once both are replayed."""
        found = compare(self.as_they_are, self.with_draft, self.happenings)
        return {
            "comparison": asdict(found),
            "alerts": sum(one.is_firing for one in self.happenings),
            "since": self.since.isoformat(),
            "is_cut": self.is_cut,
        }


@dataclass(frozen=True)
class Backtest:
    """The result of a trial, read again."""

    comparison: Comparison
    alerts: int
    since: datetime
    is_cut: bool

    @classmethod
    def of(cls, trial: RuleTrial) -> "Backtest | None":
        if trial.result is None:
            return None
        found = trial.result
        told = found["comparison"]
        examples = tuple(Moved(**one) for one in told["examples"])
        return cls(
            Comparison(**told | {"examples": examples}),
            found["alerts"],
            datetime.fromisoformat(found["since"]),
            found["is_cut"],
        )

    @property
    def fewer(self) -> int:
        return self.comparison.incidents_before - self.comparison.incidents_after

    @property
    def more(self) -> int:
        return -self.fewer


def visible_rules(user: AnyUser, workspace: Workspace | None = None) -> QuerySet[GroupingRule]:
    """The rules this user may see, of one workspace or of all."""
    here = workspaces_of(user, only=workspace)
    return GroupingRule.objects.filter(workspace__in=here).select_related("workspace")


def visible_rule(
    user: AnyUser, rule_id: UUID, *, workspace: Workspace | None = None
) -> GroupingRule:
    return get_object_or_404(visible_rules(user, workspace), pk=rule_id)


def rows(user: AnyUser, *, workspace: Workspace | None = None) -> list[RuleRow]:
    """In the order in which they are asked; one query."""
    return [_row(rule) for rule in _counted(user, workspace).order_by("position", "name")]


def row(user: AnyUser, rule_id: UUID, *, workspace: Workspace | None = None) -> RuleRow:
    return _row(get_object_or_404(_counted(user, workspace), pk=rule_id))


def _counted(user: AnyUser, workspace: Workspace | None) -> QuerySet[Any]:
    """Each rule with how many alerts wait below its threshold, and on how many it decided."""
    is_waiting = Q(
        decisions__means=Means.HELD,
        decisions__alert__incident__isnull=True,
        decisions__alert__status=Alert.Status.FIRING,
    )
    return visible_rules(user, workspace).annotate(
        waiting=Count("decisions__alert", filter=is_waiting, distinct=True),
        decided=Count("decisions__alert", distinct=True),
    )


def _row(rule: Any) -> RuleRow:
    return RuleRow(rule, _matchers(rule), rule.waiting, rule.decided)


def _matchers(rule: GroupingRule) -> tuple[Matcher, ...]:
    try:
        return matchers(rule.matchers)
    except BadMatcher:
        return ()


def history(workspace: Workspace, draft: Rule, *, days: int) -> History:
    """The stored alerts, to be grouped with the rules as they are and with the draft.

    The draft takes the place of the rule with its id, if there is one. What people taught counts
    in both. Nothing is written.
    """
    known = grouping.known_of(workspace)
    others = [rule for rule in known.scene.rules if rule.id != draft.id]
    happenings, since, is_cut = _happenings(workspace, known, days)
    drafted = Scene(known.scene.topology, [*others, draft], known.scene.taught, (), grouping.PARAMS)
    return History(Replay(known.scene), Replay(drafted), happenings, since, is_cut)


def visible_trial(
    user: AnyUser, trial_id: UUID, *, workspace: Workspace | None = None
) -> RuleTrial:
    """A trial of a workspace of this user, or of just this one; 404 otherwise."""
    here = RuleTrial.objects.filter(workspace__in=workspaces_of(user, only=workspace))
    found = here.select_related("workspace", "rule", "requested_by")
    return get_object_or_404(found, pk=trial_id)


@dataclass(frozen=True)
class TrialRow:
    trial: RuleTrial
    result: Backtest | None


def trials(
    user: AnyUser, *, of: GroupingRule | None = None, workspace: Workspace | None = None
) -> list[TrialRow]:
    """The newest, of one rule or of all."""
    here = RuleTrial.objects.filter(workspace__in=workspaces_of(user, only=workspace))
    if of is not None:
        here = here.filter(rule=of)
    found = here.select_related("workspace", "requested_by").order_by("-created_at")[:SHOWN_TRIALS]
    return [TrialRow(trial, Backtest.of(trial)) for trial in found]


def _happenings(
    workspace: Workspace, known: grouping.Known, days: int
) -> tuple[list[Happening], datetime, bool]:
    """When each stored alert fired and ended, in the order of time; the newest if too many."""
    since = clock.now() - timedelta(days=days)
    stored = Alert.objects.filter(
        workspace=workspace, starts_at__gte=since, silenced_by__isnull=True
    ).select_related("service")
    newest = list(
        stored.defer("description", "annotations").order_by("-starts_at")[: MAX_ALERTS + 1]
    )
    is_cut = len(newest) > MAX_ALERTS
    found = []
    for alert in newest[:MAX_ALERTS]:
        subject = grouping.subject_from(alert, known.names)
        found.append(Happening(str(alert.pk), subject, alert.starts_at))
        if alert.ends_at is not None:
            ended = max(alert.ends_at, alert.starts_at)
            found.append(Happening(f"{alert.pk} over", subject, ended, is_firing=False))
    if is_cut:
        since = newest[MAX_ALERTS - 1].starts_at
    return sorted(found, key=lambda one: (one.at, one.is_firing, one.id)), since, is_cut
