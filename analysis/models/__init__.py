"""The record of what was seen and what was concluded."""

from analysis.models.anomaly import Anomaly, Forecast
from analysis.models.connector import Connector
from analysis.models.course import InvestigationEvent, SharedInvestigation
from analysis.models.detector import Detector, DetectorState, SeriesTuning
from analysis.models.evaluation import Evaluation
from analysis.models.investigation import Claim, Evidence, Hypothesis, Investigation
from analysis.models.logs import LogTemplate
from analysis.models.model_call import ModelCall, ModelPayload, ModelScript, ModelSpend
from analysis.models.provider import ModelProvider
from analysis.models.pushed import Feed, PushedLine, PushedSpan

__all__ = [
    "Anomaly",
    "Claim",
    "Connector",
    "Detector",
    "DetectorState",
    "Evaluation",
    "Evidence",
    "Feed",
    "Forecast",
    "Hypothesis",
    "Investigation",
    "InvestigationEvent",
    "LogTemplate",
    "ModelCall",
    "ModelPayload",
    "ModelProvider",
    "ModelScript",
    "ModelSpend",
    "PushedLine",
    "PushedSpan",
    "SeriesTuning",
    "SharedInvestigation",
]
