"""Forms that edit the rules of a policy: in the settings, and as a thought in the simulator."""

import copy
from collections.abc import Callable
from typing import Any
from uuid import UUID

from django import forms
from django.core.exceptions import ValidationError

from remediation.commands.limits import rules_of_policy
from remediation.commands.policy import (
    check_loosening,
    limit_loosens,
    what_loosens,
    window_loosens,
)
from remediation.commands.refusal import Refused
from remediation.decision.catalog import CATALOG, ActionSpec
from remediation.decision.limits import BOUNDS
from remediation.decision.rules import COLUMNS, FLOOR, BadRules, Rules, rules_of
from remediation.models import ActionLimit, FreezeWindow, Policy
from remediation.types import Decision, RiskBand

COLUMN_NAMES = ("below 45 % or abstained", "45 % and more", "70 % and more", "85 % and more")
_ORDER = list(Decision)
_OF_POLICY = (
    "workspace", "default_mode", "allowed_actions", "allowed_environments", "approval_minutes",
    "max_actions_per_incident", "max_actions_per_target", "max_actions_nearby", "max_fleet_share",
    "max_actions_per_hour",
)  # fmt: skip
_OF_WINDOW = (
    "workspace", "reason", "starts_at", "ends_at", "is_weekly", "environment", "service",
)  # fmt: skip
_OF_LIMIT = ("workspace", "action", "is_enabled", "maximums", "needs_two", "environments")


def cell(band: str, column: int) -> str:
    """The name of the field that holds one cell of the matrix."""
    return f"{band}_{column}"


def _cells() -> dict[str, forms.Field]:
    return {
        cell(band, column): forms.ChoiceField(
            label=f"{band} risk, {COLUMN_NAMES[column]}",
            choices=[(d, d) for d in _ORDER[_ORDER.index(FLOOR[band]) :]],
        )
        for band in RiskBand
        for column in range(len(COLUMNS))
    }


class MatrixForm(forms.Form):
    """The sixteen cells; `rules` puts them and the rest together and checks them."""

    locals().update(_cells())

    def matrix(self) -> dict[str, list[str]]:
        return {
            str(band): [self.cleaned_data[cell(band, i)] for i in range(len(COLUMNS))]
            for band in RiskBand
        }

    def has_matrix(self) -> bool:
        return all(
            cell(band, i) in self.cleaned_data for band in RiskBand for i in range(len(COLUMNS))
        )


def initial_of(rules: Rules) -> dict[str, Any]:
    """What the fields show for these rules."""
    cells = {
        cell(band, i): str(rules.matrix[band][i]) for band in RiskBand for i in range(len(COLUMNS))
    }
    told = rules.as_json()
    return {
        **cells,
        **told["limits"],
        "actions": told["actions"],
        "environments": ", ".join(told["environments"]),
    }


def words(text: str) -> list[str]:
    return sorted({word.strip() for word in text.split(",") if word.strip()})


class RulesForm(MatrixForm):
    """Rules to think through; saves nothing."""

    per_incident = forms.IntegerField(label="Actions per incident")
    per_target = forms.IntegerField(label="Actions per target in six hours")
    nearby = forms.IntegerField(label="At once on a service and its neighbours")
    fleet_share = forms.FloatField(label="Share of a fleet at once", widget=forms.NumberInput)
    per_hour = forms.IntegerField(label="Actions per hour, whole installation")
    actions = forms.MultipleChoiceField(
        label="Actions allowed (none ticked: all)",
        choices=[(key, key.replace("_", " ")) for key in CATALOG],
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    environments = forms.CharField(
        label="Environments allowed", required=False, help_text="Comma-separated; empty: all."
    )

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if not self.errors:
            try:
                data["rules"] = rules_of(
                    {
                        "matrix": self.matrix(),
                        "limits": {name: data[name] for name in BOUNDS},
                        "actions": data["actions"],
                        "environments": words(data["environments"]),
                    }
                )
            except BadRules as error:
                self.add_error(None, f"{error}.")
        return data


class SimulationForm(RulesForm):
    """Rules and a time to think them through over."""

    days = forms.IntegerField(label="Days back", min_value=1, max_value=365)
    changed = forms.BooleanField(label="Only what would change", required=False)


class LooseningForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    """What loosens needs a reason and the password once more, which then holds for five minutes."""

    may_loosen = False  # set by the edge: the password was given a moment ago
    prove: Callable[[str, UUID], None]  # set by the edge; raises `Refused`
    reason_field = "why"
    password = forms.CharField(
        max_length=4096,
        required=False,
        strip=False,
        label="Your password, once more",
        help_text="Needed where this loosens what keeps AIRRA from acting. It holds for 5 minutes; "
        "deleting is possible while it does.",
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )

    def check(self, loosening: list[str]) -> None:
        """Refuse on its field what is missing for it; the reason first, it costs no try."""
        reason, password = self.cleaned_data[self.reason_field], self.cleaned_data["password"]
        try:
            check_loosening(loosening, may_loosen=True, reason=reason)
            if password and not self.may_loosen:
                self.prove(password, self.cleaned_data["workspace"].pk)
                self.may_loosen = True
            check_loosening(loosening, may_loosen=self.may_loosen, reason=reason)
        except Refused as refused:
            field = self.reason_field if refused.rule == "reason" else "password"
            self.add_error(field, f"{refused}.")


class PolicyForm(MatrixForm, LooseningForm):
    """The policy of a workspace."""

    reason_field = "reason"
    allowed_actions = forms.MultipleChoiceField(
        choices=[(key, key.replace("_", " ")) for key in CATALOG],
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="None ticked: every action of the catalogue.",
    )
    allowed_environments = forms.CharField(
        required=False, help_text="Comma-separated names; empty: every one."
    )
    reason = forms.CharField(
        max_length=300,
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="Why the policy changes; needed where it loosens. Kept in the audit record.",
    )

    class Meta:
        model = Policy
        fields = _OF_POLICY

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        shown = kwargs.get("instance") or Policy()
        rules = rules_of_policy(shown)
        told = initial_of(rules)
        cells = {name: value for name, value in told.items() if name in _CELL_NAMES}
        environments = ", ".join(sorted(rules.environments))
        kwargs["initial"] = {
            **cells,
            "allowed_environments": environments,
            **(kwargs.get("initial") or {}),
        }
        super().__init__(*args, **kwargs)
        self.initial["allowed_environments"] = environments

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        if self.errors or not self.has_matrix():
            return data
        data["allowed_environments"] = words(data["allowed_environments"])
        new = copy.copy(self.instance)
        for name in _OF_POLICY:
            setattr(new, name, data.get(name))
        new.matrix = self.matrix()
        try:
            self.instance.matrix = rules_of_policy(new).as_json()["matrix"]
        except BadRules as error:
            self.add_error(None, f"{error}.")
            return data
        if self.instance.pk and (old := Policy.objects.filter(pk=self.instance.pk).first()):
            self.check(what_loosens(old, new))
        return data


class FreezeWindowForm(LooseningForm):
    why = forms.CharField(
        max_length=300,
        required=False,
        label="Why it changes",
        help_text="Needed where less is frozen than before. Kept in the audit record.",
    )

    class Meta:
        model = FreezeWindow
        fields = _OF_WINDOW

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        begins, ends = data.get("starts_at"), data.get("ends_at")
        if begins and ends and ends <= begins:
            self.add_error("ends_at", "A freeze window ends after it begins.")
        service, place = data.get("service"), data.get("workspace")
        if service and place and service.workspace_id != place.pk:
            self.add_error("service", "This service belongs to another workspace.")
        if self.errors:
            return data
        old = FreezeWindow.objects.filter(pk=self.instance.pk).first()
        new = FreezeWindow(**{name: data.get(name) for name in _OF_WINDOW})
        self.check(window_loosens(old, new))
        return data


class ActionLimitForm(LooseningForm):
    """Only what takes away: a maximum above the catalogue's is refused, not kept and ignored."""

    action = forms.ChoiceField(choices=[(key, key.replace("_", " ")) for key in CATALOG])
    why = forms.CharField(
        max_length=300,
        required=False,
        label="Why it changes",
        help_text="Needed where more is allowed than before. Kept in the audit record.",
    )

    class Meta:
        model = ActionLimit
        fields = _OF_LIMIT

    def clean_environments(self) -> list[str]:
        given = self.cleaned_data["environments"] or []
        if not isinstance(given, list) or not all(isinstance(place, str) for place in given):
            raise ValidationError('Give a list of names, like ["staging"].')
        return given

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        given = data.get("maximums") or {}
        if "action" in data and "maximums" in data:
            if not isinstance(given, dict):
                raise ValidationError({"maximums": 'Give names and numbers: {"replicas": 5}.'})
            if problems := _too_wide(CATALOG[data["action"]], given):
                raise ValidationError({"maximums": problems})
            data["maximums"] = given
        if not self.errors:
            old = ActionLimit.objects.filter(pk=self.instance.pk).first()
            new = ActionLimit(**{name: data[name] for name in _OF_LIMIT})
            self.check(limit_loosens(old, new))
        return data


def _too_wide(spec: ActionSpec, maximums: dict[str, Any]) -> list[str]:
    """What is wrong with these maximums, one sentence each."""
    known, problems = spec.numbers(), []
    for name, most in maximums.items():
        if name not in known:
            names = ", ".join(known) or "none"
            problems.append(f"{spec.key} has no number {name}; its numbers: {names}.")
        elif isinstance(most, bool) or not isinstance(most, int | float):
            problems.append(f"{name}: {most!r} is not a number.")
        elif not known[name]["minimum"] <= most <= known[name]["maximum"]:
            low, high = known[name]["minimum"], known[name]["maximum"]
            problems.append(f"{name}: between {low:g} and {high:g}, the catalogue's own bounds.")
    return problems


_CELL_NAMES = frozenset(_cells())
