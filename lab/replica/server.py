"""The HTTP front of a replica: admission, tracing, metrics and logs around every handler."""

import asyncio
import traceback
from collections.abc import Iterable

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from lab.replica.errors import ShopError
from lab.replica.runtime import Runtime
from lab.replica.tracing import CURRENT, Span

CLIENT_CLOSED_REQUEST = 499


def build(runtime: Runtime, routes: Iterable[web.RouteDef]) -> web.Application:
    app = web.Application(middlewares=[_front(runtime)])
    app.add_routes(routes)
    app.router.add_get("/metrics", _metrics(runtime))
    return app


def _metrics(runtime: Runtime) -> Handler:
    async def metrics(_request: web.Request) -> web.StreamResponse:
        return web.Response(body=runtime.metrics.render(), content_type="text/plain")

    return metrics


def _front(runtime: Runtime) -> Middleware:
    @web.middleware
    async def front(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path == "/metrics":
            return await handler(request)
        span = runtime.tracer.server(
            request.headers.get("traceparent"), f"{request.method} {request.path}"
        )
        token = CURRENT.set(span)
        span.status = CLIENT_CLOSED_REQUEST
        try:
            response = await _answer(runtime, request, handler, span)
        except asyncio.CancelledError:
            span.error = "cancelled: the caller went away"
            raise
        else:
            span.status = response.status
            return response
        finally:
            _record(runtime, request.path, span)
            CURRENT.reset(token)

    return front


async def _answer(
    runtime: Runtime, request: web.Request, handler: Handler, span: Span
) -> web.StreamResponse:
    try:
        async with runtime.admission.slot():
            runtime.compute()
            return await handler(request)
    except ShopError as exc:
        span.error = exc.message
        runtime.journal.error("http", exc.message, path=request.path, status=exc.status)
        return web.json_response({"error": exc.message}, status=exc.status)
    except web.HTTPException as exc:
        return web.json_response({"error": exc.reason}, status=exc.status)
    except Exception as exc:  # noqa: BLE001 - the top of a request: whatever the bug, answer 500
        span.error = f"{type(exc).__name__}: {exc}"
        stack = "".join(traceback.format_exception(exc)[-3:])
        runtime.journal.error(
            "http", f"unhandled {span.error}", path=request.path, status=500, stack=stack
        )
        return web.json_response({"error": span.error}, status=500)


def _record(runtime: Runtime, route: str, span: Span) -> None:
    duration_s = runtime.tracer.finish(span)
    runtime.metrics.requests.labels(route, str(span.status)).inc()
    runtime.metrics.duration.labels(route).observe(duration_s)
