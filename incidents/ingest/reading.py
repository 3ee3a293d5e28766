"""From the body of a delivery to its alerts."""

from datetime import datetime

from incidents.ingest.alerts import Batch, Malformed
from incidents.ingest.fields import decode
from incidents.ingest.formats import alertmanager, generic


def read(kind: str, body: bytes, *, mapping: object, received_at: datetime) -> Batch:
    """The alerts in a body of this kind of integration.

    Raises `Malformed`: without a field when the body is not JSON, else naming what is wrong.
    """
    document = decode(body)
    if kind == "alertmanager":
        return alertmanager.parse(document, received_at=received_at)
    if kind == "generic":
        return generic.parse(document, mapping=mapping, received_at=received_at)
    raise Malformed("kind", "alertmanager or generic", kind)
