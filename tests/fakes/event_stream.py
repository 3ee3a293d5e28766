"""Server-sent events over a real connection that can break in the middle of one."""

import json
from collections.abc import Sequence
from typing import Any

from werkzeug import Response

from tests.fakes.model_script import Wire

Event = tuple[str, dict[str, Any]]


def respond(events: Sequence[Event], wire: Wire) -> Response:
    """The events as they are sent; cut, it promises more bytes than it brings."""
    kept = events if wire is Wire.WHOLE else events[: max(len(events) // 2, 2)]
    body = b"".join(f"event: {name}\ndata: {json.dumps(data)}\n\n".encode() for name, data in kept)
    if wire is Wire.GARBLED:
        body += f"event: {events[-1][0]}\ndata: {{not json\n\n".encode()
    if wire is not Wire.CUT:
        return Response(body, mimetype="text/event-stream")
    part = body[:-12]
    headers = {"Content-Length": str(len(body)), "Connection": "close"}
    return Response([part], mimetype="text/event-stream", headers=headers, direct_passthrough=True)
