"""Logs and traces need no query: one detector watches every service of a source."""

from analysis.perception.presets.base import Family, Preset

LOGS = Preset(
    Family.WATCHES,
    "Log messages",
    "errors",
    "",
    "1/min",
    "a few lines say little",
    rule="logs",
    floor=6.0,
)
TRACES = Preset(
    Family.WATCHES,
    "Calls between services",
    "latency",
    "",
    "s",
    "people feel it",
    rule="traces",
    floor=0.25,
)
