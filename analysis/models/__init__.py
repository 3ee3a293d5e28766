"""The record of what was seen and what was concluded."""

from analysis.models.investigation import Claim, Evidence, Hypothesis, Investigation
from analysis.models.source import Anomaly, Connector, Detector

__all__ = [
    "Anomaly",
    "Claim",
    "Connector",
    "Detector",
    "Evidence",
    "Hypothesis",
    "Investigation",
]
