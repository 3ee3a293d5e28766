"""Grouping rules over the API: written, switched, and tried on history before they decide."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from django.http import HttpRequest
from ninja import Field, Router, Schema, Status

from incidents.api.auth import caller, workspace_of
from incidents.api.matching import MatcherIO, Matchers, as_read, as_told
from incidents.api.schemas import Text
from incidents.commands import grouping as commands
from incidents.commands import rule_trial
from incidents.ingest.matching import MAX_LABEL
from incidents.models import GroupingRule, RuleTrial
from incidents.queries import grouping_rules as queries

router = Router(tags=["grouping rules"])
trials_router = Router(tags=["grouping rules"])

Label = Annotated[Text, Field(min_length=1, max_length=MAX_LABEL)]


class RuleIn(Schema):
    """A rule as somebody wants it, all of it."""

    name: Text = Field(min_length=1, max_length=100)
    position: int = Field(100, ge=1, le=10_000, description="Lower ones are asked first.")
    match: GroupingRule.Match = Field(
        GroupingRule.Match.ALL, description="Whether all matchers have to hold, or any."
    )
    matchers: Matchers = Field(default_factory=list)
    group_by: list[Label] = Field(
        default_factory=list,
        max_length=commands.MAX_LABELS,
        description="They are one incident when these labels are equal; none: all that match.",
    )
    window_min: int = Field(10, ge=1, le=10_080)
    threshold: int = Field(
        1, ge=1, le=1000, description="So many alerts within the window open an incident."
    )

    def wanted(self) -> commands.Wanted:
        return commands.Wanted(
            name=self.name,
            position=self.position,
            match=self.match,
            matchers=as_read(self.matchers),
            group_by=tuple(dict.fromkeys(self.group_by)),
            window_min=self.window_min,
            threshold=self.threshold,
        )


class DraftOut(Schema):
    name: str
    position: int
    match: GroupingRule.Match
    matchers: list[MatcherIO]
    group_by: list[str]
    window_min: int
    threshold: int


class RuleOut(DraftOut):
    id: UUID
    is_active: bool
    waiting: int = Field(description="Firing alerts below its threshold.")
    decided: int = Field(description="Alerts it has decided on.")
    created_at: datetime


class SwitchIn(Schema):
    is_on: bool


class TrialIn(Schema):
    draft: RuleIn
    days: Literal[1, 7, 30] = Field(7, description="On the alerts of so many days.")
    rule: UUID | None = Field(None, description="The rule it would replace; null: a new one.")


class MovedOut(Schema):
    """An alert that would be elsewhere, and with how many others."""

    id: UUID
    title: str
    reason_before: str
    reason_after: str
    with_before: int
    with_after: int


class ResultOut(Schema):
    alerts: int = Field(description="So many were grouped, twice.")
    since: datetime
    is_cut: bool = Field(description="There were too many: the newest were taken.")
    incidents_before: int
    incidents_after: int
    waiting_before: int
    waiting_after: int
    moved: int
    examples: list[MovedOut]


class TrialOut(Schema):
    id: UUID
    rule: UUID | None
    draft: DraftOut
    days: int
    state: RuleTrial.State
    done: int = Field(description="Of `total`.")
    total: int
    error: str
    requested_by: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    result: ResultOut | None = Field(description="Once it is `done`.")


@router.get("", response=list[RuleOut], summary="Grouping rules, in the order they are asked")
def index(request: HttpRequest) -> list[dict[str, Any]]:
    return [_told(row) for row in queries.rows(caller(request), workspace=workspace_of(request))]


@router.post("", response={201: RuleOut}, summary="Write one; it is off")
def create(request: HttpRequest, given: RuleIn) -> Status[dict[str, Any]]:
    """Try it on history, then switch it on."""
    made = commands.create(
        workspace=workspace_of(request), wanted=given.wanted(), by=caller(request)
    )
    return Status(201, one(request, made.pk))


@router.get("/{rule_id}", response=RuleOut, summary="One grouping rule")
def one(request: HttpRequest, rule_id: UUID) -> dict[str, Any]:
    return _told(queries.row(caller(request), rule_id, workspace=workspace_of(request)))


@router.put("/{rule_id}", response=RuleOut, summary="Change it")
def change(request: HttpRequest, rule_id: UUID, given: RuleIn) -> dict[str, Any]:
    """All of it is replaced, on or off as it is. What is grouped already stays as it is."""
    commands.change(rule=_found(request, rule_id), wanted=given.wanted(), by=caller(request))
    return one(request, rule_id)


@router.post("/{rule_id}/switch", response=RuleOut, summary="Let it decide, or no longer")
def switch(request: HttpRequest, rule_id: UUID, given: SwitchIn) -> dict[str, Any]:
    commands.switch(rule=_found(request, rule_id), is_on=given.is_on, by=caller(request))
    return one(request, rule_id)


@trials_router.get("", response=list[TrialOut], summary="The newest ten trials")
def trials(request: HttpRequest) -> list[dict[str, Any]]:
    found = queries.trials(caller(request), workspace=workspace_of(request))
    return [_told_trial(row.trial) for row in found]


@trials_router.post("", response={202: TrialOut}, summary="Try a rule on history")
def start(request: HttpRequest, given: TrialIn) -> Status[dict[str, Any]]:
    """A worker groups the stored alerts twice; poll it. What you still wait for is cancelled."""
    made = rule_trial.start(
        workspace=workspace_of(request),
        wanted=given.draft.wanted(),
        days=given.days,
        rule=_found(request, given.rule) if given.rule else None,
        by=caller(request),
    )
    return Status(202, trial(request, made.pk))


@trials_router.get("/{trial_id}", response=TrialOut, summary="How far it is, or what came of it")
def trial(request: HttpRequest, trial_id: UUID) -> dict[str, Any]:
    return _told_trial(_found_trial(request, trial_id))


@trials_router.post("/{trial_id}/cancel", response=TrialOut, summary="Stop it")
def cancel(request: HttpRequest, trial_id: UUID) -> dict[str, Any]:
    """409 when it is over."""
    rule_trial.cancel(trial=_found_trial(request, trial_id), by=caller(request))
    return trial(request, trial_id)


def _found(request: HttpRequest, rule_id: UUID) -> GroupingRule:
    return queries.visible_rule(caller(request), rule_id, workspace=workspace_of(request))


def _found_trial(request: HttpRequest, trial_id: UUID) -> RuleTrial:
    return queries.visible_trial(caller(request), trial_id, workspace=workspace_of(request))


def _draft(rule: GroupingRule) -> dict[str, Any]:
    names = ("name", "position", "match", "group_by", "window_min", "threshold")
    return {
        **{name: getattr(rule, name) for name in names},
        "matchers": as_told(rule.matchers),
    }


def _told(row: queries.RuleRow) -> dict[str, Any]:
    rule = row.rule
    return {
        **_draft(rule),
        "id": rule.pk,
        "is_active": rule.is_active,
        "created_at": rule.created_at,
        "waiting": row.waiting,
        "decided": row.decided,
    }


def _told_trial(found: RuleTrial) -> dict[str, Any]:
    names = ("id", "days", "state", "done", "total", "error", "created_at", "started_at",
             "finished_at")  # fmt: skip
    result = queries.Backtest.of(found)
    return {
        **{name: getattr(found, name) for name in names},
        "rule": found.rule_id,
        "draft": _draft(rule_trial.drafted(found)),
        "requested_by": found.requested_by and found.requested_by.get_username(),
        "result": result and _result(result),
    }


def _result(found: queries.Backtest) -> dict[str, Any]:
    told = found.comparison
    names = (
        "incidents_before", "incidents_after", "waiting_before", "waiting_after", "moved",
        "examples",
    )  # fmt: skip
    return {
        **{name: getattr(told, name) for name in names},
        "alerts": found.alerts,
        "since": found.since,
        "is_cut": found.is_cut,
    }
