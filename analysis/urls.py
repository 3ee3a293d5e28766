"""Panels below an incident, and the detectors."""

from django.urls import path

from analysis.views import detectors, hypotheses, signals

app_name = "analysis"
urlpatterns = [
    path("incidents/<str:key>/investigate/", hypotheses.investigate, name="investigate"),
    path("incidents/<str:key>/evidence/<int:seq>/", hypotheses.evidence, name="evidence"),
    path("incidents/<str:key>/signals/", signals.signals, name="signals"),
    path("incidents/<str:key>/signals.json", signals.signals_json, name="signals-json"),
    path("hypotheses/<uuid:hypothesis_id>/confirm/", hypotheses.confirm, name="confirm"),
    path("hypotheses/<uuid:hypothesis_id>/rule-out/", hypotheses.rule_out, name="rule-out"),
    path("detectors/", detectors.detectors, name="detectors"),
    path("detectors/<uuid:detector_id>/", detectors.detector, name="detector"),
]
