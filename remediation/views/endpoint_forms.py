"""The form of an action endpoint in the settings."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from remediation.execution.options import OPTIONS, SCHEMES, BadOptions, checked
from remediation.types import ExecutorKind


class ActionEndpointForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    """Checks the options by the kind; no executor is loaded here, and no target is asked."""

    def clean_options(self) -> dict[str, Any]:
        given = self.cleaned_data["options"] or {}
        if not isinstance(given, dict):
            raise ValidationError('Give names and values, like {"backends": {"shop": "be_shop"}}.')
        return given

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        kind = data.get("kind")
        if kind and "url" in data and not data["url"].startswith(SCHEMES[ExecutorKind(kind)]):
            told = " or ".join(SCHEMES[ExecutorKind(kind)])
            self.add_error("url", f"The address of this kind begins with {told}.")
        if kind and "options" in data:
            try:
                data["options"] = checked(OPTIONS[ExecutorKind(kind)], data["options"])
            except BadOptions as error:
                self.add_error("options", str(error))
        return data
