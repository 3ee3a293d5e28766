"""The form of a mapping: one expression for each of our fields, and two lists of words."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.http import QueryDict

from incidents.ingest.alerts import Malformed
from incidents.ingest.expressions import MAX_EXPRESSION
from incidents.ingest.mapping import FIELDS, checked

_WORDS = {
    "items": ("The alerts of a body", "A list, if one body holds several; the rest starts there."),
    "title": ("Title", "Needed. Several places: not_null(summary, message)."),
    "key": ("Key", "Which alert it is, so that its end finds it. Else title and service."),
    "state": ("State", "The word that says whether it fires or is over."),
    "severity": ("Severity", "The word that says how bad it is."),
    "service": ("Service", "What it is about, by the name AIRRA knows it by."),
    "description": ("Description", "What people should read."),
    "labels": ("Labels", "An object of texts or numbers."),
    "starts_at": ("Began", "A time, or Unix seconds or milliseconds. Else its arrival."),
    "ends_at": ("Ended", "The same. Else the arrival of what ends it."),
    "url": ("Link", "The page about it at its sender."),
    "resolve_condition": ("Over when", "True ends the alert, whatever its state: ok == `true`."),
}
_ORDER = ("items", *FIELDS, "resolve_condition")


class MappingForm(forms.Form):
    resolve_states = forms.CharField(
        required=False,
        max_length=2000,
        label="Words of an end",
        help_text="Of the state, parted by commas. Empty: ok, resolved, closed, normal.",
    )
    severity_words = forms.CharField(
        required=False,
        max_length=5000,
        label="Words of severity",
        help_text="One a line, as in: sev1 = critical. Known words need no line.",
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}),
    )

    def __init__(self, data: QueryDict | None, *, mapping: Mapping[str, Any]) -> None:
        super().__init__(data, initial=_initial(mapping))
        for name in _ORDER:
            label, hint = _WORDS[name]
            self.fields[name] = forms.CharField(
                required=False,
                max_length=MAX_EXPRESSION,
                label=label,
                help_text=hint,
                widget=forms.TextInput(attrs={"spellcheck": "false", "autocomplete": "off"}),
            )
        self.order_fields([*_ORDER, "resolve_states", "severity_words"])

    def clean_resolve_states(self) -> list[str]:
        words = str(self.cleaned_data["resolve_states"]).split(",")
        return [word.strip() for word in words if word.strip()]

    def clean_severity_words(self) -> dict[str, str]:
        found = {}
        for line in str(self.cleaned_data["severity_words"]).splitlines():
            theirs, equals, ours = line.rpartition("=")
            if line.strip() and not equals:
                msg = f"“{line[:60]}” has no “=”."
                raise forms.ValidationError(msg)
            if line.strip():
                found[theirs.strip()] = ours.strip().lower()
        return found

    def clean(self) -> dict[str, Any]:
        """Every expression has to compile; one that does not is told beside its field."""
        found = super().clean() or self.cleaned_data
        if not self.errors:
            try:
                checked(self.mapping())
            except Malformed as wrong:
                name = wrong.field.removeprefix("mapping.").partition(".")[0].partition("[")[0]
                self.add_error(name if name in self.fields else None, _told(wrong, beside=name))
        return found

    def mapping(self) -> dict[str, Any]:
        """What was filled in; an empty field stays at its usual place."""
        return {name: value for name, value in self.cleaned_data.items() if value}


def _told(wrong: Malformed, *, beside: str) -> str:
    """What is wrong; the field is named where its label does not say it already."""
    text = str(wrong).removeprefix(f"mapping.{beside}: ")
    return f"{text[:1].upper()}{text[1:]}."


def _initial(mapping: Mapping[str, Any]) -> dict[str, Any]:
    words = mapping.get("severity_words") or {}
    return {
        **mapping,
        "resolve_states": ", ".join(str(word) for word in mapping.get("resolve_states") or []),
        "severity_words": "\n".join(f"{theirs} = {ours}" for theirs, ours in words.items()),
    }
