"""Settings of what may be done, by which way, and what people have written down."""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import F, Model
from django.http import HttpRequest

from incidents.admin import Administered, site
from remediation.decision.catalog import CATALOG, ActionSpec
from remediation.models import ActionEndpoint, ActionLimit, Policy, Runbook


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


class ActionLimitForm(forms.ModelForm):  # type: ignore[type-arg]  # not subscriptable at run time
    """Only what takes away: a maximum above the catalogue's is refused, not kept and ignored."""

    action = forms.ChoiceField(choices=[(key, key.replace("_", " ")) for key in CATALOG])

    def clean_environments(self) -> list[str]:
        given = self.cleaned_data["environments"] or []
        if not isinstance(given, list) or not all(isinstance(place, str) for place in given):
            raise ValidationError('Give a list of names, like ["staging"].')
        return given

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        given = data.get("maximums") or {}
        if "action" in data and "maximums" in data:
            if not isinstance(given, dict):
                raise ValidationError({"maximums": 'Give names and numbers: {"replicas": 5}.'})
            if problems := _too_wide(CATALOG[data["action"]], given):
                raise ValidationError({"maximums": problems})
            data["maximums"] = given
        return data


def _too_wide(spec: ActionSpec, maximums: dict[str, Any]) -> list[str]:
    """What is wrong with these maximums, one sentence each."""
    known, problems = spec.numbers(), []
    for name, most in maximums.items():
        if name not in known:
            names = ", ".join(known) or "none"
            problems.append(f"{spec.key} has no number {name}; its numbers: {names}.")
        elif isinstance(most, bool) or not isinstance(most, int | float):
            problems.append(f"{name}: {most!r} is not a number.")
        elif not known[name]["minimum"] <= most <= known[name]["maximum"]:
            low, high = known[name]["minimum"], known[name]["maximum"]
            problems.append(f"{name}: between {low:g} and {high:g}, the catalogue's own bounds.")
    return problems


@admin.register(ActionLimit, site=site)
class ActionLimitAdmin(Administered):
    """Any change raises the policy's version, which voids every approval given under the old."""

    form = ActionLimitForm
    list_display = ("action", "workspace", "is_enabled", "maximums", "needs_two", "environments")
    list_filter = ("action", "is_enabled")
    list_select_related = ("workspace",)
    fields = ("workspace", "action", "is_enabled", "maximums", "needs_two", "environments")

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: Any) -> None:
        super().save_model(request, obj, form, change)
        if form.changed_data:
            _void_approvals(obj.workspace_id)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        super().delete_model(request, obj)
        _void_approvals(obj.workspace_id)


def _void_approvals(workspace_id: Any) -> None:
    Policy.objects.filter(workspace_id=workspace_id).update(version=F("version") + 1)
