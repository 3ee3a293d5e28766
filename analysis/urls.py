"""Panels below an incident, the detectors, and the sources they read."""

from django.urls import path

from analysis.views import (
    detectors,
    evaluation,
    hypotheses,
    investigations,
    model_calls,
    model_settings,
    preview,
    signals,
    sources,
)

app_name = "analysis"
urlpatterns = [
    path("incidents/<str:key>/investigate/", investigations.investigate, name="investigate"),
    path("incidents/<str:key>/hypotheses/add/", investigations.suggest, name="suggest"),
    path(
        "investigations/<uuid:investigation_id>/",
        investigations.investigation,
        name="investigation",
    ),
    path("investigations/<uuid:investigation_id>/steer/", investigations.steer, name="steer"),
    path("investigations/<uuid:investigation_id>/cancel/", investigations.cancel, name="cancel"),
    path(
        "investigations/<uuid:investigation_id>/evidence/<int:seq>/",
        investigations.evidence_of,
        name="evidence-of",
    ),
    path("investigations/<uuid:investigation_id>/sent/", model_calls.sent, name="sent"),
    path(
        "investigations/<uuid:investigation_id>/sent/<int:seq>/",
        model_calls.sent_body,
        name="sent-body",
    ),
    path(
        "investigations/<uuid:investigation_id>/sent/<int:seq>/<str:part>.txt",
        model_calls.sent_bytes,
        name="sent-bytes",
    ),
    path("incidents/<str:key>/would-send/", model_calls.would_send, name="would-send"),
    path("models/", model_settings.models, name="models"),
    path("models/add/", model_settings.add, name="model-add"),
    path("models/<uuid:provider_id>/", model_settings.edit, name="model-edit"),
    path("models/<uuid:provider_id>/try/", model_settings.try_out, name="model-try"),
    path("models/<uuid:provider_id>/remove/", model_settings.remove, name="model-remove"),
    path("incidents/<str:key>/evidence/<int:seq>/", hypotheses.evidence, name="evidence"),
    path("incidents/<str:key>/signals/", signals.signals, name="signals"),
    path("incidents/<str:key>/signals.json", signals.signals_json, name="signals-json"),
    path("hypotheses/<uuid:hypothesis_id>/confirm/", hypotheses.confirm, name="confirm"),
    path("hypotheses/<uuid:hypothesis_id>/rule-out/", hypotheses.rule_out, name="rule-out"),
    path("evaluation/", evaluation.evaluation, name="evaluation"),
    path("detectors/", detectors.detectors, name="detectors"),
    path("detectors/<uuid:detector_id>/", detectors.detector, name="detector"),
    path("detectors/<uuid:detector_id>/settings/", detectors.tune, name="tune"),
    path("detectors/<uuid:detector_id>/preview/", preview.preview, name="preview"),
    path("detectors/<uuid:detector_id>/mute/", detectors.mute, name="mute"),
    path("detectors/<uuid:detector_id>/unmute/", detectors.unmute, name="unmute"),
    path("detectors/<uuid:detector_id>/switch/", detectors.switch, name="switch"),
    path("detectors/<uuid:detector_id>/snooze/", detectors.snooze, name="snooze"),
    path("anomalies/<uuid:anomaly_id>/feedback/", detectors.feedback, name="feedback"),
    path("sources/", sources.sources, name="sources"),
    path("sources/add/", sources.add, name="source-add"),
    path("sources/<uuid:source_id>/", sources.source, name="source"),
    path("sources/<uuid:source_id>/edit/", sources.edit, name="source-edit"),
    path("sources/<uuid:source_id>/test/", sources.test, name="source-test"),
    path("sources/<uuid:source_id>/detectors/", sources.add_detectors, name="source-detectors"),
]
