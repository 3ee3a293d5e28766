"""The settings of a detector in words: which its rule has, and what each choice means."""

from collections.abc import Mapping
from dataclasses import dataclass

from airra.lib.quantities import span
from analysis.models import Detector

Rule = Detector.Rule


@dataclass(frozen=True)
class Notch:
    """One place of the knob."""

    value: float
    word: str
    means: str


NOTCHES = (
    Notch(0.05, "Calm", "one in 20 weeks"),
    Notch(0.35, "Normal", "one in three weeks"),
    Notch(1.0, "Watchful", "one a week"),
    Notch(5.0, "Eager", "five a week"),
)
HORIZONS_S = tuple(hours * 3600 for hours in (1, 3, 6, 12, 24, 72))

# What each rule is tuned by; the query, the source and the schedule are an admin's.
TUNED_BY: Mapping[str, tuple[str, ...]] = {
    Rule.ADAPTIVE: ("alarms_per_week", "floor", "direction"),
    Rule.MISSING: (),
    Rule.COUNTER_RESET: ("floor",),
    Rule.SATURATION: ("limit", "floor", "direction"),
    Rule.BURN_RATE: ("objective",),
    Rule.FORECAST: ("limit", "horizon_s", "direction"),
    Rule.LOGS: ("alarms_per_week",),
    Rule.TRACES: ("alarms_per_week", "floor"),
}

FLOOR_MEANS: Mapping[str, str] = {
    Rule.COUNTER_RESET: "So many new starts within ten minutes; 0 is one.",
    Rule.SATURATION: "Alarms when no more than this is left to the limit; 0 is a tenth of it.",
}
FLOOR_MEANS_ELSE = "Departures from expected smaller than this never matter."


def knob_word(alarms_per_week: float) -> str:
    """The word of the nearest notch on the scale, which runs in factors."""
    found = next((n.word for n in NOTCHES if n.value == alarms_per_week), "")
    return found or f"{alarms_per_week:g} a week"


def total_words(alarms_per_week: float, series: int) -> str:
    """What the knob amounts to over all series: "about 1.5 a week"."""
    total = alarms_per_week * series
    if total <= 0:
        return "none yet: it has met no series"
    if total >= 1:
        return f"about {total:.2g} a week over its {series} series"
    return f"about one in {span(7 * 86_400 / total)} over its {series} series"


_NEEDED: Mapping[str, tuple[set[Rule], str]] = {
    "query": (set(Rule) - {Rule.LOGS, Rule.TRACES}, "This rule needs a query to watch."),
    "limit": ({Rule.SATURATION, Rule.FORECAST}, "This rule needs the limit of the series."),
    "objective": ({Rule.BURN_RATE}, "This rule needs the objective whose budget burns."),
}


def lacking(rule: str, settings: Mapping[str, object]) -> dict[str, str]:
    """What a rule cannot do without and was not given: the field, and why."""
    return {
        name: why
        for name, (rules, why) in _NEEDED.items()
        if rule in rules and name in settings and settings[name] in {None, ""}
    }
