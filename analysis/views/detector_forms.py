"""The forms of a detector's page. Each has the fields its rule is tuned by, and no others."""

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.http import QueryDict

from airra.lib import clock
from airra.lib.quantities import span
from analysis.models import Detector
from analysis.queries.detector_settings import (
    FLOOR_MEANS,
    FLOOR_MEANS_ELSE,
    HORIZONS_S,
    NOTCHES,
    TUNED_BY,
    knob_word,
)

MOST_ALARMS_PER_WEEK = 100.0
_QUIET_H = ((1, "for 1 hour"), (8, "for 8 hours"), (24, "for a day"), (168, "for a week"))


def _knob(detector: Detector) -> forms.ChoiceField:
    """Four words; and the number an admin has set, where it is none of them."""
    choices = [(f"{n.value:g}", n.word) for n in NOTCHES]
    own = f"{detector.alarms_per_week:.12g}"
    if own not in dict(choices):
        choices.append((own, knob_word(detector.alarms_per_week)))
    return forms.TypedChoiceField(
        choices=choices,
        coerce=float,
        label="Sensitivity",
        widget=forms.RadioSelect,
        help_text="How many false alarms you accept, per series.",
    )


def _horizon(detector: Detector) -> forms.ChoiceField:
    choices = sorted({*HORIZONS_S, detector.horizon_s})
    return forms.TypedChoiceField(
        choices=[(str(s), span(s)) for s in choices],
        coerce=int,
        label="Looks ahead",
        help_text="A limit reached later than this is nobody's business yet.",
    )


def _number(label: str, help_text: str, **bounds: Any) -> forms.FloatField:
    return forms.FloatField(label=label, help_text=help_text, **bounds)


class TuningForm(forms.Form):
    """The settings that a responder may change."""

    def __init__(self, data: QueryDict | None, *, detector: Detector) -> None:
        names = TUNED_BY[detector.rule]
        initial: dict[str, Any] = {name: getattr(detector, name) for name in names}
        for name, value in initial.items():
            if isinstance(value, int | float):
                initial[name] = f"{value:.12g}"
        super().__init__(data, initial=initial)
        unit = f", in {detector.unit}" if detector.unit else ""
        known = {
            "alarms_per_week": _knob(detector),
            "floor": _number(
                f"Floor{unit}", FLOOR_MEANS.get(detector.rule, FLOOR_MEANS_ELSE), min_value=0,
            ),
            "direction": forms.ChoiceField(
                label="Trouble is", choices=Detector.Direction.choices
            ),
            "limit": _number(f"Limit{unit}", "What the series must not reach."),
            "objective": _number(
                "Objective", "Share of requests that must succeed, e.g. 0.999.",
                min_value=0.5, max_value=0.99999,
            ),
            "horizon_s": _horizon(detector),
        }  # fmt: skip
        for name in names:
            self.fields[name] = known[name]

    @property
    def facts(self) -> list[tuple[str, str]]:
        """The settings as they are, for who may only read them."""
        shown = []
        for name, field in self.fields.items():
            value = self.initial[name]
            words = dict(getattr(field, "choices", ()))
            text = "not set" if value is None else str(words.get(value, value))
            shown.append((str(field.label), text))
        return shown

    @property
    def settings(self) -> dict[str, Any]:
        """What was given, and valid, as the fields of a detector."""
        return {name: self.cleaned_data[name] for name in self.fields}


class QuietForm(forms.Form):
    """For how long: a choice, or a moment."""

    hours = forms.ChoiceField(
        label="Mute", choices=[*((str(h), words) for h, words in _QUIET_H), ("until", "until …")]
    )
    until = forms.DateTimeField(
        required=False,
        label="Until, in UTC",
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}),
        help_text="Only for “until …”.",
    )

    def clean(self) -> dict[str, Any]:
        found = super().clean() or self.cleaned_data
        until = found.get("until")
        if found.get("hours") == "until" and "until" not in self.errors:
            if until is None:
                self.add_error("until", "Say until when.")
            elif until <= clock.now():
                self.add_error("until", "This moment has passed.")
        return found

    @property
    def ends_at(self) -> datetime:
        if self.cleaned_data["hours"] == "until":
            given: datetime = self.cleaned_data["until"]
            return given
        return clock.now() + timedelta(hours=int(self.cleaned_data["hours"]))


class SnoozeForm(forms.Form):
    """One series; no hours wake it."""

    series_key = forms.CharField(max_length=300, strip=False)
    hours = forms.TypedChoiceField(
        choices=[("0", "Wake"), *((str(h), words) for h, words in _QUIET_H)], coerce=int
    )

    @property
    def ends_at(self) -> datetime | None:
        hours = self.cleaned_data["hours"]
        return clock.now() + timedelta(hours=hours) if hours else None
