"""Settings of sources and detectors; the ledger, to read."""

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from airra.lib import clock
from analysis.commands import connector as sources
from analysis.commands import tuning
from analysis.models import Connector, Detector, Evidence, SeriesTuning
from analysis.queries.detector_settings import lacking
from incidents.admin import Administered, ReadOnly, site
from incidents.commands import audit
from incidents.views.refusals import person

if TYPE_CHECKING:
    BaseForm = forms.ModelForm[Detector]
    BaseInline = admin.StackedInline[Any, Any]
else:
    # Stacked: the cells of Django's tabular inline have no labels for readers of screens.
    BaseForm, BaseInline = forms.ModelForm, admin.StackedInline


@admin.register(Connector, site=site)
class ConnectorAdmin(Administered):
    list_display = ("name", "kind", "url", "is_enabled", "last_ok_at", "failing_since", "failures")
    list_filter = ("kind", "is_enabled")
    fieldsets = (
        (None, {"fields": ("workspace", "name", "kind", "is_enabled")}),
        ("Where it is read", {"fields": ("url", "tenant", "secret_ref", "timeout_s")}),
        (
            "How it answers",
            {"fields": ("last_ok_at", "last_error", "last_error_at", "failing_since", "failures")},
        ),
    )
    readonly_fields = ("last_ok_at", "last_error", "last_error_at", "failing_since", "failures")
    actions = ("test_connection",)

    @admin.action(description="Test connection")
    def test_connection(self, request: HttpRequest, queryset: QuerySet[Connector]) -> None:
        """One real query to each ticked source, as AIRRA itself would send it."""
        for connector in queryset.select_related("workspace"):
            trial = sources.test(connector=connector, by=person(request))
            tell = messages.success if trial.is_ok else messages.error
            tell(request, f"{connector.name}: {trial.text} {trial.remedy}".strip())


class DetectorForm(BaseForm):
    """Refuses a rule without what it cannot do without."""

    def clean(self) -> dict[str, Any]:
        found = super().clean() or self.cleaned_data
        for name, problem in lacking(found.get("rule", ""), found).items():
            self.add_error(name, problem)
        return found


class SeriesTuningInline(BaseInline):
    """What people taught of single series; the row is made by a word or a snooze."""

    model = SeriesTuning
    formfield_overrides = Administered.formfield_overrides
    extra = 0
    fields = ("series_key", "tolerance", "snoozed_until", "not_anomalies", "real_anomalies")
    readonly_fields = ("not_anomalies", "real_anomalies")
    verbose_name = "series"
    verbose_name_plural = "what people taught of single series"

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return site.has_permission(request)

    has_add_permission = has_view_permission
    has_change_permission = has_view_permission
    has_delete_permission = has_view_permission


@admin.register(Detector, site=site)
class DetectorAdmin(Administered):
    form = DetectorForm
    list_display = (
        "name", "rule", "signal", "alarms_per_week", "is_enabled", "muted_until", "last_run_at",
        "last_error",
    )  # fmt: skip
    list_filter = ("rule", "signal", "is_enabled")
    search_fields = ("name", "query")
    fieldsets = (
        (None, {"fields": ("workspace", "name", "is_enabled", "muted_until", "opens_incident")}),
        (
            "What is watched",
            {"fields": ("connector", "rule", "query", "service_label", "signal", "unit")},
        ),
        (
            "What counts",
            {
                "fields": (
                    "alarms_per_week", "floor", "direction", "limit", "objective", "horizon_s",
                ),
            },
        ),
        ("When", {"fields": ("interval_s", "step_s", "history_s")}),
        ("Last run", {"fields": ("last_run_at", "last_error", "last_series_count")}),
    )  # fmt: skip
    readonly_fields = ("last_run_at", "last_error", "last_series_count")
    inlines = (SeriesTuningInline,)
    actions = ("mute", "unmute")

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: Any) -> None:
        """Each series that was changed by hand leaves an audit row too."""
        for row in formset.save(commit=False):
            row.changed_at, row.changed_by = clock.now(), person(request)
            row.save()
            until = row.snoozed_until.isoformat() if row.snoozed_until else None
            after = {"series": row.series_key, "tolerance": row.tolerance, "snoozed_until": until}
            audit.record("series.tuned", target=form.instance, by=person(request), after=after)
        for row in formset.deleted_objects:
            row.delete()
            after = {"series": row.series_key}
            audit.record("series.forgotten", target=form.instance, by=person(request), after=after)

    @admin.action(description="Mute for one hour")
    def mute(self, request: HttpRequest, queryset: QuerySet[Detector]) -> None:
        until = clock.now() + timedelta(hours=1)
        for detector in queryset.select_related("workspace"):
            tuning.mute(detector=detector, until=until, by=person(request))
        messages.success(request, f"Muted until {until:%H:%M} UTC.")

    @admin.action(description="Unmute")
    def unmute(self, request: HttpRequest, queryset: QuerySet[Detector]) -> None:
        for detector in queryset.select_related("workspace"):
            tuning.unmute(detector=detector, by=person(request))
        messages.success(request, "Unmuted.")


@admin.register(Evidence, site=site)
class EvidenceAdmin(ReadOnly):
    workspace_path = "investigation__incident__workspace"
    list_display = ("investigation", "attempt", "seq", "tool", "status", "summary", "executed_at")
    list_filter = ("status", "tool")
    list_select_related = ("investigation__incident",)
