"""From a preset to a detector for one source: which labels it has, how often it is scraped."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from analysis.perception.presets.base import CODES, Preset

DEFAULT_INTERVAL_S = 60.0  # where a source does not tell: what Prometheus itself takes
_SCRAPES, _WIDE_SCRAPES = 4, 8  # in a window: a rate needs two points, and a scrape may fail
_MIN_WINDOW_S, _MIN_WIDE_S = 30, 120
_STEP_S = (5, 60)


@dataclass(frozen=True)
class Survey:
    """What a source has: which metrics, with which labels, and how often they are scraped.

    `labels` holds for each metric the share of its series, in (0, 1], that have a label;
    `interval_s` the seconds between two scrapes.
    """

    labels: Mapping[str, Mapping[str, float]]
    interval_s: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def assumed(
        cls, metrics: Iterable[str], *, labels: Iterable[str], interval_s: float
    ) -> "Survey":
        """Of a source that is known beforehand: every metric has every label."""
        names, found = tuple(metrics), dict.fromkeys(labels, 1.0)
        return cls(dict.fromkeys(names, found), dict.fromkeys(names, interval_s))


@dataclass(frozen=True)
class Fitted:
    """A preset as this source can answer it."""

    preset: Preset
    query: str
    service_label: str
    step_s: int


def fitted(preset: Preset, survey: Survey) -> Fitted | None:
    """The preset for this source; None where a metric or a label that it needs is missing."""
    needs = preset.needs
    if not needs <= survey.labels.keys() or survey.labels.keys() & set(preset.unless):
        return None
    if any(not survey.labels[name].get(label) for name in needs for label in preset.labels):
        return None
    service = _best(preset.services, survey, needs)
    code = _best(CODES, survey, needs) if "$code" in preset.query else "-"
    if not service or not code:
        return None
    interval = max(survey.interval_s.get(name, DEFAULT_INTERVAL_S) for name in needs)
    least, most = _STEP_S
    return Fitted(
        preset=preset,
        query=_filled(preset.query, service, code, interval),
        service_label=service,
        step_s=min(max(math.ceil(interval), least), most),
    )


def labels_to_ask_for(presets: Iterable[Preset]) -> Mapping[str, frozenset[str]]:
    """Each label that some of the presets could use, with the metrics it is looked for on."""
    wanted: dict[str, frozenset[str]] = {}
    for preset in presets:
        codes = CODES if "$code" in preset.query else ()
        for label in (*preset.services, *preset.labels, *codes):
            wanted[label] = wanted.get(label, frozenset()) | preset.needs
    return wanted


def _best(wanted: Iterable[str], survey: Survey, metrics: Iterable[str]) -> str:
    """The label most series of every metric have, the first of equals; "" where none has any.

    A label that only some series have would lump the others together as a service without a name.
    """
    shares = {
        label: min(survey.labels[name].get(label, 0.0) for name in metrics) for label in wanted
    }
    label = max(shares, key=lambda name: shares[name])
    return label if shares[label] > 0 else ""


def _filled(query: str, service: str, code: str, interval_s: float) -> str:
    placeholders = {
        "$service": service,
        "$code": code,
        "$window": f"{max(math.ceil(_SCRAPES * interval_s), _MIN_WINDOW_S)}s",
        "$wide": f"{max(math.ceil(_WIDE_SCRAPES * interval_s), _MIN_WIDE_S)}s",
    }
    for placeholder, value in placeholders.items():
        query = query.replace(placeholder, value)
    return query
