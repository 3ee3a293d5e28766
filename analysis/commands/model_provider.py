"""What admins do to the chain of models: add, change and remove a provider."""

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from analysis.models import ModelProvider
from incidents.commands import audit
from incidents.permissions import Permission
from incidents.queries.access import require

_SETTINGS = (
    "rank", "name", "kind", "base_url", "model", "effort", "secret_ref", "is_enabled",
    "input_usd", "output_usd", "cache_read_usd", "cache_write_usd",
)  # fmt: skip
_IDENTITY = {"kind", "base_url", "model", "secret_ref"}


class NameTaken(ValueError):
    """Another provider of the workspace has this name."""


@transaction.atomic
def save(*, provider: ModelProvider, by: User) -> ModelProvider:
    """Store a provider whose fields have been checked. Raises `NameTaken`.

    With another model or server, what a probe found out about it is forgotten.
    """
    require(by, Permission.ADMINISTER, provider.workspace)
    old = ModelProvider.objects.filter(pk=provider.pk).first()
    changed = [n for n in _SETTINGS if old is None or getattr(old, n) != getattr(provider, n)]
    if _IDENTITY & set(changed):
        provider.capabilities = {}
        provider.last_ok_at = provider.last_error_at = None
        provider.last_error = ""
    try:
        with transaction.atomic():
            provider.save()
    except IntegrityError as error:
        msg = f"another provider is called {provider.name}"
        raise NameTaken(msg) from error
    audit.record(
        "model_provider.changed" if old else "model_provider.created",
        target=provider,
        by=by,
        before={name: getattr(old, name) for name in changed} if old else {},
        after={name: getattr(provider, name) for name in changed},
    )
    return provider


@transaction.atomic
def remove(*, provider: ModelProvider, by: User) -> None:
    """Take it out of the chain. The calls made to it stay on record: they name it in words."""
    require(by, Permission.ADMINISTER, provider.workspace)
    before = {name: getattr(provider, name) for name in _SETTINGS}
    audit.record("model_provider.removed", target=provider, by=by, before=before)
    provider.delete()
