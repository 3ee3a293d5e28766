"""Grouping rules: the list, and the form of one, which can be tried on history first."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django import forms
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render

from airra.lib.htmx import redirect, toast
from incidents.commands import grouping as commands
from incidents.commands import rule_trial
from incidents.commands.grouping import MAX_LABELS, NotARule, Wanted
from incidents.commands.rule_trial import NotATrial
from incidents.ingest.matching import MAX_LABEL, BadMatcher, Matcher, as_lines, matchers, read_lines
from incidents.models import GroupingRule, RuleTrial, Workspace
from incidents.permissions import NotPermitted, Permission
from incidents.queries import grouping as grouping_queries
from incidents.queries import grouping_rules as queries
from incidents.queries.access import may, require, workspaces_of
from incidents.views.refusals import answers_refusals, person, writes


class RuleForm(forms.Form):
    name = forms.CharField(max_length=100)
    match = forms.ChoiceField(choices=GroupingRule.Match.choices, label="It is about an alert when")
    matchers = forms.CharField(
        required=False,
        label="Labels, one a line",
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false"}),
        help_text="Such as service = payments or host =~ db-.*; the others are != and !~.",
    )
    group_by = forms.CharField(
        required=False,
        max_length=200,
        label="They are one incident when these labels are equal",
        help_text="With commas between: region, cluster. Empty: all that match are one.",
    )
    window_min = forms.IntegerField(
        min_value=1, max_value=10_080, initial=10, label="Within (minutes)"
    )
    threshold = forms.IntegerField(
        min_value=1,
        max_value=1000,
        initial=1,
        label="So many alerts open an incident",
        help_text="Until then they wait, listed with their reason, and wake nobody.",
    )
    position = forms.IntegerField(
        min_value=1,
        max_value=10_000,
        initial=100,
        label="Place",
        help_text="Lower ones are asked first.",
    )
    days = forms.TypedChoiceField(
        choices=[(d, f"{d} day{'s' if d > 1 else ''}") for d in queries.DAYS],
        coerce=int,
        initial=7,
        label="Try it on the last",
    )

    def __init__(
        self, data: QueryDict | None, *, workspaces: Sequence[Workspace], initial: dict[str, Any]
    ) -> None:
        super().__init__(data, initial=initial)
        here = [workspace.pk for workspace in workspaces]
        self.fields["workspace"] = forms.ModelChoiceField(
            Workspace.objects.filter(pk__in=here),
            empty_label=None,
            initial=here[0] if here else None,
            widget=forms.HiddenInput if len(here) == 1 else forms.Select,
        )

    def clean_matchers(self) -> tuple[Matcher, ...]:
        try:
            return read_lines(self.cleaned_data["matchers"])
        except BadMatcher as error:
            raise forms.ValidationError(str(error)) from error

    def clean_group_by(self) -> tuple[str, ...]:
        labels = [label.strip() for label in self.cleaned_data["group_by"].split(",")]
        found = tuple(dict.fromkeys(label for label in labels if label))
        if len(found) > MAX_LABELS or any(len(label) > MAX_LABEL for label in found):
            msg = f"At most {MAX_LABELS} labels."
            raise forms.ValidationError(msg)
        return found

    def wanted(self) -> Wanted:
        names = ("name", "position", "match", "matchers", "group_by", "window_min", "threshold")
        return Wanted(**{name: self.cleaned_data[name] for name in names})


def rules(request: HttpRequest) -> HttpResponse:
    context = {
        "rows": queries.rows(request.user),
        "trials": queries.trials(request.user),
        "params": grouping_queries.PARAMS,
        "may_write": bool(where(request, Permission.ADMINISTER)),
        "may_try": bool(where(request, Permission.RESPOND)),
    }
    return render(request, "incidents/grouping_rules.html", context)


@answers_refusals
def new(request: HttpRequest) -> HttpResponse:
    mine = where(request, Permission.RESPOND)
    if not mine:
        raise NotPermitted(Permission.RESPOND)
    return _form(request, None, mine, {})


@answers_refusals
def rule(request: HttpRequest, rule_id: UUID) -> HttpResponse:
    found = queries.visible_rule(request.user, rule_id)
    require(request.user, Permission.RESPOND, found.workspace)
    return _form(request, found, [found.workspace], filled(found))


@writes
def switch(request: HttpRequest, rule_id: UUID) -> HttpResponse:
    found = queries.visible_rule(request.user, rule_id)
    is_on = request.POST.get("is_on") == "yes"
    commands.switch(rule=found, is_on=is_on, by=person(request))
    toast(request, f"“{found.name}” {'decides from now on' if is_on else 'is off'}.")
    return redirect(request, "incidents:grouping-rules")


def _form(
    request: HttpRequest,
    found: GroupingRule | None,
    workspaces: Sequence[Workspace],
    initial: dict[str, Any],
) -> HttpResponse:
    is_sent = request.method == "POST"
    form = RuleForm(request.POST if is_sent else None, workspaces=workspaces, initial=initial)
    may_write = bool(where(request, Permission.ADMINISTER))
    context: dict[str, Any] = {"form": form, "rule": found, "may_write": may_write}
    is_trial = "try" in request.POST
    if is_sent and not is_trial and not may_write:
        raise NotPermitted(Permission.ADMINISTER)
    if is_sent and form.is_valid():
        if is_trial:
            trial = _begun(request, form, found)
            if trial is not None:
                return redirect(request, "incidents:rule-trial", trial.pk)
        elif (saved := _save(request, form, found)) is not None:
            toast(request, f"Kept: {saved.name}." + ("" if saved.is_active else " It is off."))
            return redirect(request, "incidents:grouping-rules")
    if found is not None:
        context["trials"] = queries.trials(request.user, of=found)
    status = 422 if is_sent else 200
    return render(request, "incidents/grouping_rule.html", context, status=status)


def _save(request: HttpRequest, form: RuleForm, found: GroupingRule | None) -> GroupingRule | None:
    try:
        if found is not None:
            return commands.change(rule=found, wanted=form.wanted(), by=person(request))
        return commands.create(
            workspace=form.cleaned_data["workspace"], wanted=form.wanted(), by=person(request)
        )
    except NotARule as error:
        form.add_error(None, f"{str(error)[:1].upper()}{str(error)[1:]}.")
        return None


def _begun(request: HttpRequest, form: RuleForm, found: GroupingRule | None) -> RuleTrial | None:
    try:
        return rule_trial.start(
            workspace=form.cleaned_data["workspace"],
            wanted=form.wanted(),
            days=form.cleaned_data["days"],
            rule=found,
            by=person(request),
        )
    except NotATrial as error:
        form.add_error(None, f"{str(error)[:1].upper()}{str(error)[1:]}.")
        return None


def filled(found: GroupingRule) -> dict[str, Any]:
    try:
        lines = as_lines(matchers(found.matchers))
    except BadMatcher:
        lines = ""
    return {
        "name": found.name,
        "match": found.match,
        "matchers": lines,
        "group_by": ", ".join(found.group_by),
        "window_min": found.window_min,
        "threshold": found.threshold,
        "position": found.position,
    }


def where(request: HttpRequest, permission: Permission) -> list[Workspace]:
    here = list(workspaces_of(request.user).order_by("name"))
    return [place for place in here if may(request.user, permission, place)]
