"""The body of a delivery: read once, and never more of it than its sender may send."""

from django.http import HttpRequest, UnreadablePostError
from gunicorn.http.errors import ParseException


class Refused(Exception):
    """A request whose body is not taken, with the status and headers that say why."""

    def __init__(self, status: int, message: str, **headers: str) -> None:
        super().__init__(message)
        self.status = status
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


def _too_large(most: int) -> Refused:
    return Refused(413, f"the body is larger than {_sized(most)}: send fewer alerts at a time")


def _sized(size: int) -> str:
    kib = size // 1024
    return f"{kib // 1024} MiB" if kib % 1024 == 0 else f"{kib} KiB"


def body_of(request: HttpRequest, *, most: int) -> bytes:
    """The bytes as they came. Raises `Refused`."""
    coding = str(request.META.get("HTTP_CONTENT_ENCODING", "")).strip().lower()
    if coding not in {"", "identity"}:
        told = f"the body is compressed ({coding[:20]}): send it as it is"
        raise Refused(415, told, Accept_Encoding="identity")
    announced = str(request.META.get("CONTENT_LENGTH") or "0")
    if announced.isdigit() and int(announced) > most:
        raise _too_large(most)
    try:
        body = _chunked(request, most) if _is_chunked(request) else request.read(most + 1)
    except (UnreadablePostError, OSError) as error:
        raise Refused(400, "the connection ended before the body did") from error
    except ParseException as error:  # a chunk that does not say how long it is
        raise Refused(400, "the body is not cut into chunks the way it says") from error
    if len(body) > most:
        raise _too_large(most)
    if announced.isdigit() and len(body) < int(announced):
        raise Refused(400, f"the body ended after {len(body)} of {announced} bytes")
    return bytes(body)


def _is_chunked(request: HttpRequest) -> bool:
    """Sent without a length, on a server that tells where it ends; Django itself reads none."""
    coding = str(request.META.get("HTTP_TRANSFER_ENCODING", "")).lower()
    return "chunked" in coding and bool(request.META.get("wsgi.input_terminated"))


def _chunked(request: HttpRequest, most: int) -> bytes:
    parts: list[bytes] = []
    left = most + 1
    while left > 0 and (part := request.META["wsgi.input"].read(min(left, 65536))):
        parts.append(part)
        left -= len(part)
    return b"".join(parts)
