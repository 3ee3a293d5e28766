"""Forms that edit the rules of a policy: in the settings, and as a thought in the simulator."""

import copy
from typing import Any

from django import forms

from remediation.commands.limits import rules_of_policy
from remediation.commands.policy import check_loosening, what_loosens, window_loosens
from remediation.commands.refusal import Refused
from remediation.decision.catalog import CATALOG
from remediation.decision.limits import BOUNDS
from remediation.decision.rules import COLUMNS, FLOOR, BadRules, Rules, rules_of
from remediation.models import FreezeWindow, Policy
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


class PolicyForm(MatrixForm, forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    """The policy of a workspace. What loosens needs the right to, and a reason."""

    may_loosen = False  # set by the edge: a fresh sign-in
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
            self._check(what_loosens(old, new), data["reason"])
        return data

    def _check(self, loosening: list[str], reason: str) -> None:
        try:
            check_loosening(loosening, may_loosen=self.may_loosen, reason=reason)
        except Refused as refused:
            self.add_error("reason" if refused.rule == "reason" else None, f"{refused}.")


class FreezeWindowForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    may_loosen = False  # set by the edge: a fresh sign-in
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
        try:
            check_loosening(
                window_loosens(old, new), may_loosen=self.may_loosen, reason=data["why"]
            )
        except Refused as refused:
            self.add_error("why" if refused.rule == "reason" else None, f"{refused}.")
        return data


_CELL_NAMES = frozenset(_cells())
