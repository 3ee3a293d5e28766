"""Forms of this app."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.http import QueryDict

from remediation.decision.catalog import CATALOG, MAX_REPLICAS
from remediation.types import Mode, RiskBand

DECISIONS = ("approve", "reject")


class DecisionForm(forms.Form):
    """Approve in one of two modes, or reject; a reason where the rules ask for one."""

    decision = forms.ChoiceField(choices=[(d, d) for d in DECISIONS])
    mode = forms.ChoiceField(
        choices=[(Mode.DRY_RUN.value, "Dry run"), (Mode.LIVE.value, "Live")],
        initial=Mode.DRY_RUN.value,
        required=False,
        widget=forms.RadioSelect,
    )
    reason = forms.CharField(
        max_length=1000,
        required=False,
        label="Reason",
        widget=forms.Textarea(attrs={"rows": 3}),
    )

    def __init__(self, data: QueryDict | None = None, *, band: str) -> None:
        super().__init__(data)
        self.band = band

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("reason"):
            return data
        if data.get("decision") == "reject":
            self.add_error("reason", "Say why you reject it.")
        elif data.get("mode") == Mode.LIVE and self.band in {RiskBand.HIGH, RiskBand.EXTREME}:
            self.add_error("reason", f"{self.band.capitalize()} risk: say why you approve it.")
        return data


class ActionForm(forms.Form):
    """A catalogue action with its parameters; each action reads only the fields it knows."""

    action = forms.ChoiceField(choices=[(key, key.replace("_", " ")) for key in CATALOG])
    replicas = forms.IntegerField(
        min_value=1, max_value=MAX_REPLICAS, required=False, help_text="For scale."
    )
    to_revision = forms.CharField(
        max_length=80,
        required=False,
        label="Revision",
        help_text="For rollback; empty means the one before.",
    )
    flag = forms.CharField(max_length=80, required=False, help_text="For set flag.")
    value = forms.ChoiceField(
        choices=[("true", "on"), ("false", "off")],
        required=False,
        label="Flag value",
        help_text="For set flag.",
    )

    def __init__(self, data: QueryDict | None, *, services: Sequence[str], first: str) -> None:
        super().__init__(data)
        self.fields["service"] = forms.ChoiceField(
            choices=[(name, name) for name in services], initial=first
        )
        self.order_fields(["action", "service"])

    def params(self) -> dict[str, Any]:
        """What the chosen action takes of what was filled in."""
        given = {
            "replicas": self.cleaned_data["replicas"],
            "to_revision": self.cleaned_data["to_revision"],
            "flag": self.cleaned_data["flag"],
            "value": self.cleaned_data["value"] == "true",
        }
        known = CATALOG[self.cleaned_data["action"]].params.model_fields
        return {n: v for n, v in given.items() if n in known and v not in {None, ""}}
