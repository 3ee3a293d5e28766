"""What was changed, told by any pipeline: one object, or `{"changes": [...]}`.

The names are those of the change feed: `id`, `at`, `kind`, `service`, `title`, `actor`, `from`,
`to`, `revision`, `url`. `id` and `service` are needed; without `at` it happened on arrival.
"""

from incidents.ingest.alerts import Batch, Malformed, Message, NewChange
from incidents.ingest.fields import Field, document
from incidents.ingest.formats.draft import fitted

MAX_CHANGES = 1000


def parse(message: Message) -> Batch:
    """The changes of a body. Raises `Malformed` with the field that is wrong."""
    body = document(message)
    listed = body["changes"]
    changes = [body] if listed.is_missing else listed.items()
    if len(changes) > MAX_CHANGES:
        raise Malformed(listed.path, f"at most {MAX_CHANGES} changes", str(len(changes)))
    found = tuple(_change(change, message) for change in changes)
    return Batch(changes=found, note="" if found else "an empty list of changes")


def identity(message: Message) -> str:
    """Nothing: each change has an id of its own, by which a repeat is known."""
    return ""


def _change(change: Field, message: Message) -> NewChange:
    key, service = change["id"].word(), change["service"].text()
    if not key:
        change["id"].refuse("the id of the change: the same id again is the same change")
    if not service:
        change["service"].refuse("the name of the service that was changed")
    return fitted(
        NewChange(
            dedup_key=key,
            at=change["at"].moment_or_unix() or message.received_at,
            kind=change["kind"].text(),
            service=service,
            title=change["title"].text(),
            actor=change["actor"].word(),
            before=change["from"].word(),
            after=change["to"].word(),
            revision=change["revision"].word(),
            url=change["url"].text(),
        ),
        received_at=message.received_at,
    )
