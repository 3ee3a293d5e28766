"""Settings of what may be done, by which way, and what people have written down."""

from functools import partial
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import F, Model
from django.http import HttpRequest

from incidents.admin import Administered, site
from incidents.views.refusals import person
from remediation.commands import policy as policies
from remediation.commands import step_up
from remediation.decision.rules import COLUMNS
from remediation.models import ActionEndpoint, ActionLimit, FreezeWindow, Policy, Runbook
from remediation.types import Factor, RiskBand
from remediation.views.endpoint_forms import ActionEndpointForm
from remediation.views.policy_forms import ActionLimitForm, FreezeWindowForm, PolicyForm, cell
from remediation.views.standing import factor_of, stamp


@admin.register(ActionEndpoint, site=site)
class ActionEndpointAdmin(Administered):
    form = ActionEndpointForm
    list_display = ("name", "kind", "url", "secret_ref", "is_enabled")
    list_filter = ("kind", "is_enabled")
    fields = (
        "workspace",
        "name",
        "kind",
        "url",
        "secret_ref",
        "options",
        "timeout_s",
        "is_enabled",
    )


def may_loosen(request: HttpRequest) -> bool:
    """Whether this admin gave the password once more a moment ago."""
    return factor_of(request) is Factor.STEP_UP


def _prove(request: HttpRequest, password: str, workspace_id: UUID) -> None:
    step_up.prove(user=person(request), password=password, workspace_id=workspace_id)
    stamp(request)


class Loosening(Administered):
    """What loosens needs a fresh password: in the form, and before a deletion in another form."""

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: Any = None, **kwargs: Any
    ) -> Any:
        form: Any = super().get_form(request, obj, bool(change), **kwargs)
        form.may_loosen = may_loosen(request)
        form.prove = staticmethod(partial(_prove, request))
        return form

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return super().has_delete_permission(request, obj) and may_loosen(request)


@admin.register(Policy, site=site)
class PolicyAdmin(Loosening):
    """Any change raises the version, which voids every approval given under the old one."""

    form = PolicyForm
    list_display = ("workspace", "version", "default_mode", "max_actions_per_hour")
    fieldsets = (
        (None, {"fields": ("workspace", "version", "default_mode", "approval_minutes")}),
        ("What may be done", {"fields": ("allowed_actions", "allowed_environments")}),
        (
            "How many people decide",
            {
                "fields": tuple(
                    tuple(cell(band, i) for i in range(len(COLUMNS))) for band in RiskBand
                ),
                "description": "One or two people, or nobody (escalate): by risk and confidence. "
                "It may only get stricter with more risk and with less confidence.",
            },
        ),
        (
            "Limits",
            {
                "fields": (
                    "max_actions_per_incident",
                    "max_actions_per_target",
                    "max_actions_nearby",
                    "max_fleet_share",
                    "max_actions_per_hour",
                )
            },
        ),
        ("This change", {"fields": ("reason", "password")}),
    )
    readonly_fields = ("version",)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: Any) -> None:
        if not change:
            super().save_model(request, obj, form, change)
            return
        names = [n for n in form.changed_data if n in {f.name for f in Policy._meta.fields}]
        changed = policies.change(
            policy=obj,
            by=person(request),
            reason=form.cleaned_data["reason"],
            may_loosen=may_loosen(request),
            **{name: getattr(obj, name) for name in {*names, "matrix"}},
        )
        obj.version = changed.version

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


@admin.register(FreezeWindow, site=site)
class FreezeWindowAdmin(Loosening):
    """Adding one is free; less of one needs a reason and the password once more."""

    form = FreezeWindowForm
    list_display = ("reason", "starts_at", "ends_at", "is_weekly", "environment", "service")
    list_select_related = ("service",)
    list_filter = ("is_weekly", "environment")


@admin.register(Runbook, site=site)
class RunbookAdmin(Administered):
    list_display = ("title", "service", "mechanism", "is_published")
    list_filter = ("mechanism", "is_published")
    list_select_related = ("service",)
    fields = ("workspace", "title", "service", "mechanism", "steps", "is_published")


@admin.register(ActionLimit, site=site)
class ActionLimitAdmin(Loosening):
    """Any change raises the policy's version, which voids every approval given under the old."""

    form = ActionLimitForm
    list_display = ("action", "workspace", "is_enabled", "maximums", "needs_two", "environments")
    list_filter = ("action", "is_enabled")
    list_select_related = ("workspace",)
    fields = (
        "workspace", "action", "is_enabled", "maximums", "needs_two", "environments", "why",
        "password",
    )  # fmt: skip

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: Any) -> None:
        super().save_model(request, obj, form, change)
        if form.changed_data:
            _void_approvals(obj.workspace_id)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        super().delete_model(request, obj)
        _void_approvals(obj.workspace_id)


def _void_approvals(workspace_id: Any) -> None:
    Policy.objects.filter(workspace_id=workspace_id).update(version=F("version") + 1)
