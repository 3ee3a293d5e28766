"""Detectors that need no tuning: rate, errors, duration, use and saturation of common exporters."""

from analysis.perception.presets import clients, machines, meshes, probes, runtimes, stores
from analysis.perception.presets.base import Family, Preset
from analysis.perception.presets.finer import finer_signal
from analysis.perception.presets.fit import Fitted, Survey, fitted, labels_to_ask_for
from analysis.perception.presets.watches import LOGS, TRACES

METRIC_PRESETS: tuple[Preset, ...] = (
    *clients.PRESETS,
    *runtimes.PRESETS,
    *probes.PRESETS,
    *meshes.PRESETS,
    *machines.PRESETS,
    *stores.PRESETS,
)
PRESETS: tuple[Preset, ...] = (*METRIC_PRESETS, LOGS, TRACES)

__all__ = [
    "LOGS",
    "METRIC_PRESETS",
    "PRESETS",
    "TRACES",
    "Family",
    "Fitted",
    "Preset",
    "Survey",
    "finer_signal",
    "fitted",
    "labels_to_ask_for",
]
