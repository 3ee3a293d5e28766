"""A trial of a grouping rule: how far it is, what came of it, and the rule to change or keep."""

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django_htmx.http import ptag

from airra.lib import clock
from airra.lib.htmx import redirect, render_partial, toast
from incidents.commands import rule_trial as commands
from incidents.models import RuleTrial
from incidents.permissions import Permission
from incidents.queries import grouping_rules as queries
from incidents.queries.access import may, require
from incidents.views.grouping_rules import RuleForm, filled, where
from incidents.views.refusals import person, writes

_SURE_S = 3  # of replaying, before it is said how long the rest takes


def trial(request: HttpRequest, trial_id: UUID) -> HttpResponse:
    found = queries.visible_trial(request.user, trial_id)
    context = _context(request, found)
    if context["may_try"]:
        initial = filled(commands.drafted(found)) | {"days": found.days}
        context["form"] = RuleForm(None, workspaces=[found.workspace], initial=initial)
    return render(request, "incidents/rule_trial.html", context)


def _tag(request: HttpRequest, trial_id: UUID) -> str:
    found = queries.visible_trial(request.user, trial_id)
    return f"{found.state}.{found.done}.{found.attempts}.{bool(found.cancel_requested_at)}"


@ptag(_tag)
def live(request: HttpRequest, trial_id: UUID) -> HttpResponse:
    context = _context(request, queries.visible_trial(request.user, trial_id))
    return render_partial(request, "incidents/rule_trial.html", "live", context)


@writes
def cancel(request: HttpRequest, trial_id: UUID) -> HttpResponse:
    found = queries.visible_trial(request.user, trial_id)
    require(request.user, Permission.RESPOND, found.workspace)
    commands.cancel(trial=found, by=person(request))
    toast(request, "The trial is cancelled.")
    return redirect(request, "incidents:rule-trial", found.pk)


def _context(request: HttpRequest, found: RuleTrial) -> dict[str, Any]:
    return {
        "trial": found,
        "draft": commands.drafted(found),
        "rule": found.rule,
        "result": queries.Backtest.of(found),
        "left_s": _left_s(found),
        "took_s": found.finished_at and (found.finished_at - found.created_at).total_seconds(),
        "is_forgotten": found.state == RuleTrial.State.QUEUED
        and (clock.now() - found.created_at).total_seconds() > commands.FORGOTTEN_S,
        "longest_min": commands.LONGEST.seconds // 60,
        "most": queries.MAX_ALERTS,
        "may_try": may(request.user, Permission.RESPOND, found.workspace),
        "may_write": found.workspace in where(request, Permission.ADMINISTER),
        "tag": _tag(request, found.pk),
    }


def _left_s(found: RuleTrial) -> float | None:
    """How long the rest takes if it goes on so: the first replay tells of the second."""
    if found.state != RuleTrial.State.RUNNING or not found.done or found.started_at is None:
        return None
    so_far = (clock.now() - found.started_at).total_seconds()
    return so_far * (found.total - found.done) / found.done if so_far > _SURE_S else None
