"""The settings of this app, and the ground the other apps' settings stand on.

Only a workspace admin who is also staff gets in, and sees the rows of their own workspaces.
"""

from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.contrib import admin, messages
from django.contrib.admin.widgets import AdminSplitDateTime
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import Group, User
from django.contrib.auth.views import redirect_to_login
from django.db import transaction
from django.db.models import DateTimeField, ForeignKey, Model, QuerySet
from django.http import HttpRequest, HttpResponse

from incidents.commands import access, audit
from incidents.commands import integration as integrations
from incidents.models import (
    ApiToken,
    AuditEvent,
    Integration,
    Membership,
    Service,
    ServiceDependency,
    Workspace,
)
from incidents.permissions import NotPermitted, Permission, Role
from incidents.queries.shell import administered
from incidents.views.refusals import forbidden, person

if TYPE_CHECKING:
    BaseAdmin = admin.ModelAdmin[Any]
    BaseInline = admin.TabularInline[Any, Any]
    BaseUserAdmin = UserAdmin[User]
else:
    BaseAdmin, BaseInline, BaseUserAdmin = admin.ModelAdmin, admin.TabularInline, UserAdmin


class SettingsSite(admin.AdminSite):
    site_header = "AIRRA settings"
    site_title = "AIRRA settings"
    index_title = "Settings"
    site_url = "/incidents/"

    def has_permission(self, request: HttpRequest) -> bool:
        """Asked some eighty times for one page, and of the database once."""
        known = vars(request)
        if "_airra_admitted" not in known:
            user = request.user
            is_staff = bool(user.is_active and getattr(user, "is_staff", False))
            known["_airra_admitted"] = is_staff and administered(user).exists()
        return bool(known["_airra_admitted"])

    def login(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """One way to sign in for all of AIRRA; who is signed in and still here may not enter."""
        if request.user.is_authenticated:
            return forbidden(request, NotPermitted(Permission.ADMINISTER))
        return redirect_to_login(request.get_full_path())


site = SettingsSite(name="admin")


class SplitMoment(AdminSplitDateTime):
    """Date and time in two boxes, each with a name for readers of screens."""

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        super().__init__(attrs)
        for widget, name in zip(self.widgets, ("Date", "Time"), strict=True):
            widget.attrs["aria-label"] = name


class Administered(BaseAdmin):
    """Every right where the user is admin, none elsewhere. Each change leaves an audit row."""

    workspace_path = "workspace"
    formfield_overrides = {DateTimeField: {"widget": SplitMoment}}

    def _may(self, request: HttpRequest) -> bool:
        return site.has_permission(request)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self._may(request)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self._may(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self._may(request)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self._may(request)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self._may(request)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        places = administered(request.user)
        return super().get_queryset(request).filter(**{f"{self.workspace_path}__in": places})

    def formfield_for_foreignkey(
        self, db_field: "ForeignKey[Any, Any]", request: HttpRequest, **kwargs: Any
    ) -> Any:
        """Offer only what lies in the user's own workspaces."""
        if "queryset" not in kwargs:
            kwargs["queryset"] = _within(db_field.related_model, request)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def save_model(self, request: HttpRequest, obj: Model, form: Any, change: Any) -> None:
        super().save_model(request, obj, form, change)
        self._record(request, obj, form, "changed" if change else "created")

    def _record(self, request: HttpRequest, obj: Model, form: Any, verb: str) -> None:
        names = [n for n in form.changed_data if "password" not in n]
        before = {n: _plain(form.initial.get(n)) for n in names} if verb == "changed" else {}
        audit.record(
            f"{obj._meta.model_name}.{verb}",
            target=obj,
            by=person(request),
            before=before,
            after={n: _plain(form.cleaned_data.get(n)) for n in names},
            workspace_id=self._workspace_id(request, obj),
        )

    def _workspace_id(self, request: HttpRequest, obj: Any) -> UUID | None:
        """Where the row belongs; what belongs nowhere is recorded where its admin is at home."""
        if self.workspace_path == "workspace" and hasattr(obj, "workspace_id"):
            return UUID(str(obj.workspace_id))
        return administered(request.user).order_by("name").values_list("pk", flat=True).first()

    @transaction.atomic  # Django's own "delete selected" brings no transaction
    def delete_model(self, request: HttpRequest, obj: Model) -> None:
        audit.record(
            f"{obj._meta.model_name}.deleted",
            target=obj,
            by=person(request),
            workspace_id=self._workspace_id(request, obj),
        )
        super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        for obj in queryset:
            self.delete_model(request, obj)


class ReadOnly(Administered):
    """A record that nobody edits."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


def _plain(value: object) -> Any:
    """A form's value as JSON can hold it."""
    if value is None or isinstance(value, bool | int | float | str | list | dict):
        return value
    return str(value)


def _within(model: Any, request: HttpRequest) -> QuerySet[Any]:
    places = administered(request.user)
    if model is Workspace:
        return places
    if model is Group:
        return Group.objects.filter(name__in=[str(role) for role in Role])
    if model is User:
        return User.objects.filter(is_active=True)
    found: QuerySet[Any] = model._default_manager.all()
    has_workspace = any(field.name == "workspace" for field in model._meta.get_fields())
    return found.filter(workspace__in=places) if has_workspace else found


@admin.register(Service, site=site)
class ServiceAdmin(Administered):
    list_display = ("name", "tier", "environment", "owner", "retired_at")
    list_filter = ("tier", "environment")
    search_fields = ("name", "owner")
    fields = (
        "workspace", "name", "description", "owner", "address", "environment", "tier",
        "retired_at",
    )  # fmt: skip


@admin.register(ServiceDependency, site=site)
class ServiceDependencyAdmin(Administered):
    workspace_path = "caller__workspace"
    list_display = ("caller", "callee", "source", "last_seen_at", "said_by", "hidden_by")
    list_select_related = ("caller", "callee")
    fields = ("caller", "callee", "source", "last_seen_at")


def _show_once(request: HttpRequest, what: str, secret: str) -> None:
    text = f"{what}: {secret} . Copy it now: only its digest is kept, it is not shown again."
    messages.warning(request, text)


@admin.register(Integration, site=site)
class IntegrationAdmin(Administered):
    list_display = ("name", "kind", "is_active", "last_seen_at")
    fields = (
        "workspace", "name", "kind", "mapping", "topics", "rate_per_min", "max_body_kib",
        "heartbeat_min", "is_active",
    )  # fmt: skip

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> Any:
        return ("workspace", "kind") if obj else ()

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: Any) -> None:
        if change:
            super().save_model(request, obj, form, change)
            return
        made, token = integrations.create_integration(
            workspace=obj.workspace, name=obj.name, kind=obj.kind, by=person(request)
        )
        chosen = ("mapping", "topics", "rate_per_min", "max_body_kib", "heartbeat_min", "is_active")
        for name in chosen:
            setattr(made, name, getattr(obj, name))
        made.save(update_fields=chosen)
        _become(obj, made)
        if token:
            _show_once(request, f"Secret of {made.name}", token)


@admin.register(ApiToken, site=site)
class ApiTokenAdmin(Administered):
    list_display = ("name", "user", "prefix", "last_used_at", "expires_at", "revoked_at")
    list_select_related = ("user",)
    fields = ("workspace", "user", "name", "expires_at")
    actions = ("revoke",)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: Any) -> None:
        made, token = access.issue_token(
            user=obj.user,
            workspace=obj.workspace,
            name=obj.name,
            by=person(request),
            expires_at=obj.expires_at,
        )
        _become(obj, made)
        _show_once(request, f"API token {made.name}", token)

    @admin.action(description="Revoke the ticked tokens", permissions=["delete"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiToken]) -> None:
        for token in queryset.filter(revoked_at__isnull=True):
            access.revoke_token(token=token, by=person(request))
        messages.success(request, "Revoked.")


def _become(obj: Model, made: Model) -> None:
    """Let the form's unsaved object be the row that the command has made."""
    obj.pk = made.pk
    obj._state.adding = False
    obj.refresh_from_db()


@admin.register(Membership, site=site)
class MembershipAdmin(Administered):
    list_display = ("user", "role", "workspace")
    list_select_related = ("user", "role", "workspace")
    fields = ("workspace", "user", "role")


class MembershipInline(BaseInline):
    model = Membership
    extra = 0

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return site.has_permission(request)

    has_add_permission = has_view_permission
    has_change_permission = has_view_permission
    has_delete_permission = has_view_permission

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).filter(workspace__in=administered(request.user))

    def formfield_for_foreignkey(
        self, db_field: "ForeignKey[Any, Any]", request: HttpRequest, **kwargs: Any
    ) -> Any:
        kwargs["queryset"] = _within(db_field.related_model, request)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)


@admin.register(User, site=site)
class PersonAdmin(Administered, BaseUserAdmin):
    """People of one's own workspaces and newcomers; never a superuser, nor somebody else's."""

    list_display = ("username", "first_name", "last_name", "is_active", "is_staff", "last_login")
    list_filter = ("is_active", "is_staff")
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        ("Person", {"fields": ("first_name", "last_name", "email")}),
        ("Access", {"fields": ("is_active", "is_staff")}),
    )
    filter_horizontal = ()
    inlines = (MembershipInline,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        people = User.objects.all()
        if getattr(request.user, "is_superuser", False):
            return people
        places = administered(request.user)
        elsewhere = Membership.objects.exclude(workspace__in=places).values("user")
        return people.filter(is_superuser=False).exclude(pk__in=elsewhere)

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: Any) -> None:
        super().save_formset(request, form, formset, change)
        for member in [*formset.new_objects, *(obj for obj, _ in formset.changed_objects)]:
            after = {"role": str(member.role)}
            audit.record("membership.set", target=member, by=person(request), after=after)
        for member in formset.deleted_objects:
            audit.record("membership.removed", target=member, by=person(request))

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """The record names people: they are made inactive, not deleted."""
        return False


@admin.register(AuditEvent, site=site)
class AuditEventAdmin(ReadOnly):
    list_display = ("at", "actor", "kind", "target", "origin")
    search_fields = ("actor", "kind", "target")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        places = administered(request.user).values("pk")
        return AuditEvent.objects.filter(workspace_id__in=places)


@admin.register(Workspace, site=site)
class WorkspaceAdmin(Administered):
    list_display = ("name", "slug")
    fields = ("name", "slug")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return administered(request.user)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(getattr(request.user, "is_superuser", False))

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False
