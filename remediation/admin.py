"""Settings of what may be done, by which way, and what people have written down."""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import Model
from django.http import HttpRequest

from incidents.admin import Administered, site
from remediation.decision.catalog import CATALOG
from remediation.models import ActionEndpoint, Policy, Runbook


@admin.register(ActionEndpoint, site=site)
class ActionEndpointAdmin(Administered):
    list_display = ("name", "url", "secret_ref", "is_enabled")
    fields = ("workspace", "name", "url", "secret_ref", "timeout_s", "is_enabled")


class PolicyForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    allowed_actions = forms.MultipleChoiceField(
        choices=[(key, key.replace("_", " ")) for key in CATALOG],
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="None ticked: every action of the catalogue.",
    )

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        if data.get("freeze_until") and not data.get("freeze_from"):
            raise ValidationError({"freeze_from": "A freeze window needs a beginning."})
        if data.get("freeze_from") and not data.get("freeze_until"):
            raise ValidationError({"freeze_until": "A freeze window needs an end."})
        return data


@admin.register(Policy, site=site)
class PolicyAdmin(Administered):
    """Any change raises the version, which voids every approval given under the old one."""

    form = PolicyForm
    list_display = ("workspace", "version", "default_mode", "is_killed", "freeze_until")
    fieldsets = (
        (None, {"fields": ("workspace", "version", "default_mode", "allowed_actions")}),
        ("Stop", {"fields": ("is_killed", "freeze_from", "freeze_until", "freeze_reason")}),
        ("Limits", {"fields": ("approval_minutes", "max_actions_per_incident")}),
    )
    readonly_fields = ("version",)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: Any) -> None:
        if change and form.changed_data:
            obj.version += 1
        super().save_model(request, obj, form, change)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


@admin.register(Runbook, site=site)
class RunbookAdmin(Administered):
    list_display = ("title", "service", "mechanism", "is_published")
    list_filter = ("mechanism", "is_published")
    list_select_related = ("service",)
    fields = ("workspace", "title", "service", "mechanism", "steps", "is_published")
