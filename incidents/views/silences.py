"""Silences and maintenance windows: the list, one with what it swallowed, and the form."""

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from airra.lib import zones
from airra.lib.htmx import redirect, toast
from incidents.commands import silence as commands
from incidents.commands.silence import NotASilence
from incidents.models import Service, Silence, Workspace
from incidents.permissions import NotPermitted, Permission
from incidents.queries import alerts as alert_queries
from incidents.queries import services as service_queries
from incidents.queries import silences as queries
from incidents.queries.access import may, require, workspaces_of
from incidents.views.refusals import answers_refusals, person, writes
from incidents.views.silence_forms import SilenceForm, filled_in

SHOWN_MATCHES = 20


def silences(request: HttpRequest) -> HttpResponse:
    context = {"rows": queries.rows(request.user), "may_silence": bool(_mine(request))}
    return render(request, "incidents/silences.html", context)


def silence(request: HttpRequest, silence_id: UUID) -> HttpResponse:
    found = queries.visible_silence(request.user, silence_id)
    row = queries.row_of(found)
    may_end = row.standing != "over" and may(request.user, Permission.RESPOND, found.workspace)
    context = {"row": row, "alerts": queries.swallowed_by(found), "may_end": may_end}
    return render(request, "incidents/silence.html", context)


@answers_refusals
def new(request: HttpRequest) -> HttpResponse:
    """A silence, begun from nothing, from alerts or from a service; it can be tried first."""
    mine = _mine(request)
    if not mine:
        raise NotPermitted(Permission.RESPOND)
    alerts = alert_queries.visible_alerts(request.user, request.GET.getlist("alert"))
    filled = filled_in(alerts, _asked_service(request))
    is_sent = request.method == "POST"
    form = SilenceForm(
        request.POST if is_sent else None,
        workspaces=mine,
        initial=filled,
        zone=zones.of(request.COOKIES),
    )
    context: dict[str, Any] = {"form": form, "alerts": alerts, "shares_nothing": False}
    if alerts and not is_sent:
        context["shares_nothing"] = not filled["matchers"] and not filled["service"]
    if is_sent and form.is_valid():
        if "try" in request.POST:
            return render(request, "incidents/silence_new.html", context | _tried(form))
        try:
            made = commands.begin(
                workspace=form.cleaned_data["workspace"], wanted=form.wanted(), by=person(request)
            )
        except NotASilence as error:
            form.add_error(None, str(error)[:1].upper() + str(error)[1:] + ".")
        else:
            toast(request, f"Silenced: {made.reason}.")
            return redirect(request, "incidents:silence", made.pk)
    return render(request, "incidents/silence_new.html", context, status=422 if is_sent else 200)


def _tried(form: SilenceForm) -> dict[str, Any]:
    wanted = form.wanted()
    found = queries.would_match(
        workspace=form.cleaned_data["workspace"], service=wanted.service, wanted=wanted.matchers
    )
    return {
        "tried": True,
        "matches": found[:SHOWN_MATCHES],
        "match_count": len(found),
        "wanted": wanted,
        "said_in": form.cleaned_data["zone"] or "UTC",
    }


@writes
def end(request: HttpRequest, silence_id: UUID) -> HttpResponse:
    found = queries.visible_silence(request.user, silence_id)
    require(request.user, Permission.RESPOND, found.workspace)
    commands.end(silence=found, by=person(request))
    toast(request, f"Ended: {found.reason}." + (_soon(found) if found.replays else ""))
    return redirect(request, "incidents:silence", found.pk)


def _soon(silence: Silence) -> str:
    return " What still fires is taken in within moments." if silence.alerts.exists() else ""


def _mine(request: HttpRequest) -> list[Workspace]:
    """Where this user may silence."""
    here = list(workspaces_of(request.user))
    return [place for place in here if may(request.user, Permission.RESPOND, place)]


def _asked_service(request: HttpRequest) -> Service | None:
    asked = alert_queries.uuid_of(request.GET.get("service", ""))
    if asked is None:
        return None
    return service_queries.visible_service_by_id(request.user, asked)
