"""The record of what was seen and what was concluded."""

from analysis.models.anomaly import Anomaly, Forecast
from analysis.models.connector import Connector
from analysis.models.detector import Detector, DetectorState, SeriesTuning
from analysis.models.investigation import Claim, Evidence, Hypothesis, Investigation

__all__ = [
    "Anomaly",
    "Claim",
    "Connector",
    "Detector",
    "DetectorState",
    "Evidence",
    "Forecast",
    "Hypothesis",
    "Investigation",
    "SeriesTuning",
]
