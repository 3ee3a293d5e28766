"""What senders tell of changes made on purpose: kept once, and completed when told again."""

from incidents.commands.service import ensure
from incidents.ingest.alerts import NewChange
from incidents.models import ChangeEvent, Delivery

_TOLD = ("title", "actor", "before", "after", "revision", "url")


def store(new: NewChange, *, delivery: Delivery) -> ChangeEvent:
    """The row of this change. Told again, it keeps its time and takes what was not known yet."""
    integration = delivery.integration
    workspace = integration.workspace
    service = ensure(workspace=workspace, name=new.service) if new.service else None
    made, is_new = ChangeEvent.objects.get_or_create(
        integration=integration,
        dedup_key=new.dedup_key,
        defaults={
            "workspace": workspace,
            "delivery": delivery,
            "at": new.at,
            "kind": new.kind,
            "service": service,
            **{name: getattr(new, name) for name in _TOLD},
        },
    )
    if not is_new:
        _complete(made, new)
    return made


def _complete(known: ChangeEvent, new: NewChange) -> None:
    missing = [name for name in _TOLD if not getattr(known, name) and getattr(new, name)]
    for name in missing:
        setattr(known, name, getattr(new, name))
    if missing:
        known.save(update_fields=missing)
