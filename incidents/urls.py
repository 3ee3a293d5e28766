"""Pages of this app. The list and the incident itself span the apps: see `airra.pages`."""

from django.urls import path

from incidents.views import (
    account,
    alerts,
    audit_log,
    deliveries,
    incident_actions,
    integrations,
    mapping,
    saved_views,
    services,
    silences,
)
from incidents.views import integration_changes as changes

urlpatterns = [
    path("incidents/new/", incident_actions.new, name="new"),
    path("incidents/acknowledge/", incident_actions.acknowledge_many, name="acknowledge-many"),
    path("incidents/views/save/", saved_views.save, name="save-view"),
    path("incidents/views/<uuid:view_id>/delete/", saved_views.delete, name="delete-view"),
    path("incidents/<str:key>/acknowledge/", incident_actions.acknowledge, name="acknowledge"),
    path("incidents/<str:key>/assign/", incident_actions.assign, name="assign"),
    path("incidents/<str:key>/resolve/", incident_actions.resolve, name="resolve"),
    path("incidents/<str:key>/reopen/", incident_actions.reopen, name="reopen"),
    path("incidents/<str:key>/close/", incident_actions.close, name="close"),
    path("incidents/<str:key>/notes/", incident_actions.note, name="note"),
    path("services/", services.services, name="services"),
    path("dependencies/add/<uuid:service_id>/", services.add_edge, name="edge-add"),
    path("dependencies/<int:edge_id>/hide/", services.hide_edge, name="edge-hide"),
    path("dependencies/<int:edge_id>/show/", services.show_edge, name="edge-show"),
    path("dependencies/<int:edge_id>/unsay/", services.unsay_edge, name="edge-unsay"),
    path("alerts/", alerts.alerts, name="alerts"),
    path("alerts/rows/", alerts.alert_rows, name="alert-rows"),
    path("alerts/<uuid:alert_id>/", alerts.alert, name="alert"),
    path("silences/", silences.silences, name="silences"),
    path("silences/new/", silences.new, name="silence-new"),
    path("silences/<uuid:silence_id>/", silences.silence, name="silence"),
    path("silences/<uuid:silence_id>/end/", silences.end, name="silence-end"),
    path("integrations/", integrations.integrations, name="integrations"),
    path("integrations/add/", integrations.add, name="integration-add"),
    path("integrations/<uuid:integration_id>/", integrations.integration, name="integration"),
    path("integrations/<uuid:integration_id>/change/", changes.change, name="integration-change"),
    path("integrations/<uuid:integration_id>/switch/", changes.switch, name="integration-switch"),
    path("integrations/<uuid:integration_id>/token/", changes.new_token, name="integration-token"),
    path("integrations/<uuid:integration_id>/key/", changes.new_key, name="integration-key"),
    path("integrations/<uuid:integration_id>/mapping/", mapping.mapping, name="mapping"),
    path(
        "integrations/<uuid:integration_id>/replay/", changes.replay_refused, name="replay-refused"
    ),
    path("integrations/secrets/<int:secret_id>/revoke/", changes.revoke, name="secret-revoke"),
    path("deliveries/", deliveries.deliveries, name="deliveries"),
    path("deliveries/<uuid:delivery_id>/", deliveries.delivery, name="delivery"),
    path("deliveries/<uuid:delivery_id>/replay/", deliveries.replay, name="delivery-replay"),
    path("deliveries/<uuid:delivery_id>/body/", deliveries.body, name="delivery-body"),
    path("audit/", audit_log.audit_log, name="audit"),
    path("audit.csv", audit_log.audit_csv, name="audit-csv"),
    path("account/", account.account, name="account"),
    path("preferences/", account.preferences, name="preferences"),
]
