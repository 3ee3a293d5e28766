"""Writing grouping rules. A new one is off, so that it can be tried on history first."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from incidents.commands import audit
from incidents.ingest.matching import Matcher
from incidents.models import GroupingRule, Workspace
from incidents.permissions import Permission
from incidents.queries.access import require

MAX_LABELS = 5  # that a rule groups by


class NotARule(ValueError):
    """The rule cannot be kept like this; the message says why, for who wrote it in `field`."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True)
class Wanted:
    """A rule as somebody wants it."""

    name: str
    position: int
    match: str
    matchers: tuple[Matcher, ...]
    group_by: tuple[str, ...]
    window_min: int
    threshold: int

    def check(self) -> None:
        if not self.matchers and not self.group_by:
            msg = "say which alerts it is about, or which label they share: else it is about all"
            raise NotARule("matchers", msg)

    def fields(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "position": self.position,
            "match": self.match,
            "matchers": [one.as_json() for one in self.matchers],
            "group_by": list(self.group_by),
            "window_min": self.window_min,
            "threshold": self.threshold,
        }


@transaction.atomic
def create(*, workspace: Workspace, wanted: Wanted, by: User) -> GroupingRule:
    """A rule that is off. Raises `NotARule`."""
    require(by, Permission.ADMINISTER, workspace)
    rule = _saved(GroupingRule(workspace=workspace), wanted)
    audit.record("grouping_rule.created", target=rule, by=by, after=wanted.fields())
    return rule


@transaction.atomic
def change(*, rule: GroupingRule, wanted: Wanted, by: User) -> GroupingRule:
    """Raises `NotARule`. What is grouped already stays as it is."""
    require(by, Permission.ADMINISTER, rule.workspace)
    before = _told(rule, wanted.fields())
    rule = _saved(rule, wanted)
    audit.record("grouping_rule.changed", target=rule, by=by, before=before, after=wanted.fields())
    return rule


@transaction.atomic
def switch(*, rule: GroupingRule, is_on: bool, by: User) -> GroupingRule:
    """Let it decide from the next alert on, or no longer."""
    require(by, Permission.ADMINISTER, rule.workspace)
    before = rule.is_active
    GroupingRule.objects.filter(pk=rule.pk).update(is_active=is_on)
    rule.is_active = is_on
    audit.record(
        "grouping_rule.switched",
        target=rule,
        by=by,
        before={"is_active": before},
        after={"is_active": is_on},
    )
    return rule


def _saved(rule: GroupingRule, wanted: Wanted) -> GroupingRule:
    wanted.check()
    for name, value in wanted.fields().items():
        setattr(rule, name, value)
    try:
        with transaction.atomic():
            rule.save()
    except IntegrityError as error:
        msg = f"there is a rule “{wanted.name}” already"
        raise NotARule("name", msg) from error
    return rule


def _told(rule: GroupingRule, names: Mapping[str, Any]) -> dict[str, Any]:
    return {name: getattr(rule, name) for name in names}
