"""Keeps other sites' pages from pressing the lab's buttons, and the page from loading anything."""

from typing import Final
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler

HEADERS: Final = {
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'; form-action 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}


@web.middleware
async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse a POST that a browser sends for another origin; tools send neither header."""
    if request.method == "POST" and not _is_own(request):
        return web.json_response({"error": {"message": "refused: another origin"}}, status=403)
    response = await handler(request)
    response.headers.update(HEADERS)
    return response


def _is_own(request: web.Request) -> bool:
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in {"same-origin", "none"}:
        return False
    origin = request.headers.get("Origin")
    return origin is None or urlsplit(origin).netloc == request.host
