"""Settings of sources and detectors; the ledger, to read."""

from datetime import timedelta

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from airra.lib import clock
from analysis.connectors.base import ConnectorError
from analysis.models import Connector, Detector, Evidence
from analysis.queries.sources import open_source
from incidents.admin import Administered, ReadOnly, site
from incidents.commands import audit
from incidents.views.refusals import person


@admin.register(Connector, site=site)
class ConnectorAdmin(Administered):
    list_display = ("name", "kind", "url", "is_enabled", "last_ok_at", "last_error")
    list_filter = ("kind", "is_enabled")
    fields = (
        "workspace", "name", "kind", "url", "secret_ref", "timeout_s", "is_enabled",
        "last_ok_at", "last_error", "last_error_at",
    )  # fmt: skip
    readonly_fields = ("last_ok_at", "last_error", "last_error_at")
    actions = ("test_connection",)

    @admin.action(description="Test connection")
    def test_connection(self, request: HttpRequest, queryset: QuerySet[Connector]) -> None:
        """One real query to each ticked source, as AIRRA itself would send it."""
        for connector in queryset:
            now = clock.now()
            try:
                found = open_source(connector).check()
            except ConnectorError as error:
                fields = {"last_error": str(error), "last_error_at": now}
                messages.error(request, f"{connector.name}: {error}")
            else:
                fields = {"last_ok_at": now}
                messages.success(request, f"{connector.name}: {found}")
            Connector.objects.filter(pk=connector.pk).update(**fields)


@admin.register(Detector, site=site)
class DetectorAdmin(Administered):
    list_display = (
        "name", "signal", "method", "sensitivity", "is_enabled", "muted_until", "last_run_at",
        "last_error",
    )  # fmt: skip
    list_filter = ("signal", "method", "is_enabled")
    search_fields = ("name", "query")
    fieldsets = (
        (None, {"fields": ("workspace", "name", "is_enabled", "muted_until", "opens_incident")}),
        ("What is watched", {"fields": ("connector", "query", "service_label", "signal", "unit")}),
        (
            "What counts",
            {"fields": ("method", "direction", "sensitivity", "floor", "persistence")},
        ),
        ("When", {"fields": ("interval_s", "window_s", "step_s")}),
        ("Last run", {"fields": ("last_run_at", "last_error", "last_series_count")}),
    )
    readonly_fields = ("last_run_at", "last_error", "last_series_count")
    actions = ("mute", "unmute")

    @admin.action(description="Mute for one hour")
    def mute(self, request: HttpRequest, queryset: QuerySet[Detector]) -> None:
        until = clock.now() + timedelta(hours=1)
        for detector in queryset:
            detector.muted_until = until
            detector.save(update_fields=["muted_until"])
            after = {"muted_until": until.isoformat()}
            audit.record("detector.muted", target=detector, by=person(request), after=after)
        messages.success(request, f"Muted until {until:%H:%M} UTC.")

    @admin.action(description="Unmute")
    def unmute(self, request: HttpRequest, queryset: QuerySet[Detector]) -> None:
        for detector in queryset:
            detector.muted_until = None
            detector.save(update_fields=["muted_until"])
            audit.record("detector.unmuted", target=detector, by=person(request))
        messages.success(request, "Unmuted.")


@admin.register(Evidence, site=site)
class EvidenceAdmin(ReadOnly):
    workspace_path = "investigation__incident__workspace"
    list_display = ("investigation", "attempt", "seq", "tool", "status", "summary", "executed_at")
    list_filter = ("status", "tool")
    list_select_related = ("investigation__incident",)
