"""Mounts the apps."""

from django.contrib.auth.views import LogoutView
from django.urls import include, path

from airra.pages import home, incident, incidents, service
from incidents import urls as incident_urls
from incidents.admin import site as settings_site
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

urlpatterns = [
    path("", home.home, name="home"),
    path("rail/", home.rail, name="rail"),
    path("accounts/login/", SignIn.as_view(), name="login"),
    path("accounts/logout/", LogoutView.as_view(), name="logout"),
    path("", include((incident_pages, "incidents"))),
    path("", include("analysis.urls")),
    path("", include("remediation.urls")),
    path("admin/", settings_site.urls),
]
