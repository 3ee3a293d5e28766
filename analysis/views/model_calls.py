"""What left for models: the calls of an investigation, and exactly what each of them was."""

import json
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render

from airra.lib.sealed import CannotUnseal
from analysis.commands import model_call as commands
from analysis.commands import preview
from analysis.models import Investigation, ModelCall
from analysis.queries import investigations, model_calls
from incidents.permissions import Permission, roles_with
from incidents.queries.access import may, require, visible_incident
from incidents.views.refusals import answers_refusals, person


def sent(request: HttpRequest, investigation_id: UUID) -> HttpResponse:
    run = investigations.one(request.user, investigation_id)
    context = {
        "incident": run.incident,
        "investigation": run,
        "sent": model_calls.sent_of(run),
        "may_read": may(request.user, Permission.VIEW_LLM_PAYLOAD, run.incident.workspace),
        "readers": [str(role) for role in roles_with(Permission.VIEW_LLM_PAYLOAD)],
    }
    return render(request, "analysis/sent.html", context)


@answers_refusals
def sent_body(request: HttpRequest, investigation_id: UUID, seq: int) -> HttpResponse:
    """The exact bodies of one call, for people who may read them."""
    run = investigations.one(request.user, investigation_id)
    call = _call(run, seq)
    context: dict[str, object] = {"incident": run.incident, "investigation": run, "call": call}
    try:
        recorded = commands.read_payload(call=call, by=person(request))
    except CannotUnseal as error:
        context["problem"] = f"It cannot be read here: {error}."
    else:
        if recorded is None:
            context["problem"] = (
                "Nothing left, so nothing is kept."
                if call.status == "blocked"
                else "Its time is over: the bodies are deleted, the row stays."
            )
        else:
            context |= {
                "recorded": recorded,
                "request_text": _readable(recorded.request),
                "answer_text": _readable(recorded.response),
            }
    return render(request, "analysis/sent_body.html", context)


@answers_refusals
def sent_bytes(request: HttpRequest, investigation_id: UUID, seq: int, part: str) -> HttpResponse:
    """One body as it went over the wire, to be kept or compared."""
    call = _call(investigations.one(request.user, investigation_id), seq)
    if part not in {"request", "answer"}:
        raise Http404
    try:
        recorded = commands.read_payload(call=call, by=person(request))
    except CannotUnseal as error:
        raise Http404(str(error)) from error
    if recorded is None:
        raise Http404
    body = recorded.request if part == "request" else recorded.response
    headers = {"Content-Disposition": f'attachment; filename="call-{seq}-{part}.txt"'}
    return HttpResponse(body, content_type="text/plain; charset=utf-8", headers=headers)


@answers_refusals
def would_send(request: HttpRequest, key: str) -> HttpResponse:
    """The first request an investigation would send now; nothing is sent."""
    incident = visible_incident(request.user, key)
    require(request.user, Permission.VIEW_LLM_PAYLOAD, incident.workspace)
    requests = [
        (made, _readable(made.body), len(made.body))
        for made in preview.would_send(incident=incident)
    ]
    context = {"incident": incident, "requests": requests}
    return render(request, "analysis/would_send.html", context)


def _call(run: Investigation, seq: int) -> ModelCall:
    found = ModelCall.objects.select_related("investigation__incident__workspace")
    call: ModelCall = get_object_or_404(found, investigation=run, seq=seq)
    return call


def _readable(body: bytes) -> str:
    """JSON on many lines; anything else, as streams of events are, as it is."""
    text = body.decode(errors="replace")
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return text
