"""Mounts the apps."""

from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import LogoutView
from django.urls import include, path
from django.views.generic import RedirectView
from django_prometheus.exports import ExportToDjangoView

from airra.api import api
from airra.health import health, ready
from airra.pages import home, incident, incidents, service
from analysis.api import otlp
from incidents import urls as incident_urls
from incidents.admin import site as settings_site
from incidents.api import enqueue, hooks
from incidents.views.account import SignIn

# Pages that span the apps stand in the namespace of what they are about.
incident_pages = [
    path("incidents/", incidents.incident_list, name="list"),
    path("incidents/rows/", incidents.incident_rows, name="rows"),
    *incident_urls.urlpatterns,
    path("incidents/<str:key>/", incident.incident_page, name="detail"),
    path("incidents/<str:key>/live/", incident.incident_live, name="live"),
    path("services/<str:name>/", service.service_page, name="service"),
]

# Calls by bearer token instead of a session; the documents say nothing of this installation.
api_urls, api_app, api_namespace = api.urls
for url in api_urls:
    if url.callback is not None:
        login_not_required(url.callback)
to_docs = login_not_required(RedirectView.as_view(pattern_name="api:openapi-view"))

urlpatterns = [
    # Receivers first: they are asked most often. With the last slash and without it, for whoever
    # follows a redirect does it without the body.
    path("hooks/<uuid:integration_id>/", hooks.receive, name="hook"),
    path("hooks/<uuid:integration_id>", hooks.receive, name="hook-unslashed"),
    path("v2/enqueue", enqueue.events, name="enqueue"),
    path("v2/enqueue/", enqueue.events, name="enqueue-slashed"),
    path("v2/change/enqueue", enqueue.changes, name="enqueue-change"),
    path("v2/change/enqueue/", enqueue.changes, name="enqueue-change-slashed"),
    path("", home.home, name="home"),
    path("rail/", home.rail, name="rail"),
    path("accounts/login/", SignIn.as_view(), name="login"),
    path("accounts/logout/", LogoutView.as_view(), name="logout"),
    path("", include((incident_pages, "incidents"))),
    path("", include("analysis.urls")),
    path("", include("remediation.urls")),
    path("admin/", settings_site.urls),
    path("api/v1/", (api_urls, api_app, api_namespace)),
    path("docs/", to_docs, name="docs"),
    path("otlp/<uuid:integration_id>/v1/traces", otlp.traces, name="otlp-traces"),
    path("otlp/<uuid:integration_id>/v1/logs", otlp.logs, name="otlp-logs"),
    path("health", health, name="health"),
    path("ready", ready, name="ready"),
    path("metrics", login_not_required(ExportToDjangoView), name="metrics"),
]
