"""Forms of this app."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.http import QueryDict

from remediation.queries.say import NEEDS_MORE
from remediation.types import Mode

DECISIONS = ("approve", "return", "reject")
_WHY = {"reject": "Say why you reject it.", "return": "Say what has to change."}


class DecisionForm(forms.Form):
    """Approve in one of two modes, reject, or ask for changes; a reason where the rules want one.

    `needs_password` where going live asks who one is once more.
    """

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
    password = forms.CharField(
        max_length=4096,
        required=False,
        strip=False,
        label="Your password, once more",
        help_text="Going live at this risk asks for it; it then holds for 5 minutes.",
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )

    def __init__(
        self, data: QueryDict | None = None, *, band: str, needs_password: bool = False
    ) -> None:
        super().__init__(data)
        self.band, self.needs_password = band, needs_password

    @property
    def is_live(self) -> bool:
        """Whether it asks for a change of production."""
        data = self.cleaned_data
        return data.get("decision") == "approve" and data.get("mode") == Mode.LIVE

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if self.is_live and self.needs_password and not data.get("password"):
            self.add_error("password", "Give your password once more to approve this live.")
        if data.get("reason"):
            return data
        if data.get("decision") in _WHY:
            self.add_error("reason", _WHY[data["decision"]])
        elif self.is_live and self.band in NEEDS_MORE:
            self.add_error("reason", f"{self.band.capitalize()} risk: say why you approve it.")
        return data


class DelegationForm(forms.Form):
    """Lend the right to decide until the end of a day (UTC)."""

    delegator = forms.ChoiceField(label="From")
    to = forms.ChoiceField(label="To", help_text="Somebody here who may not decide by a role.")
    until = forms.DateField(
        label="Until the end of", widget=forms.DateInput(attrs={"type": "date"})
    )
    reason = forms.CharField(max_length=200)

    def __init__(
        self,
        data: QueryDict | None,
        *,
        lenders: Sequence[tuple[str, str]],
        borrowers: Sequence[tuple[str, str]],
    ) -> None:
        super().__init__(data)
        self.fields["delegator"].choices = lenders  # type: ignore[attr-defined]  # of ChoiceField
        self.fields["to"].choices = borrowers  # type: ignore[attr-defined]  # of ChoiceField
