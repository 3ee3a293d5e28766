"""The evidence of the newest investigation, and a person's word on its hypotheses."""

from typing import Protocol
from uuid import UUID

from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render

from airra.lib.htmx import redirect, toast
from analysis.commands import feedback
from analysis.models import Hypothesis
from analysis.queries import investigations
from analysis.queries.evidence import evidence_detail
from analysis.views.forms import VerdictForm
from incidents.permissions import Permission
from incidents.queries.access import require, visible_incident, workspaces_of
from incidents.views.refusals import answers_refusals, person


class Command(Protocol):
    def __call__(self, *, hypothesis: Hypothesis, by: User, reason: str = "") -> Hypothesis: ...


def evidence(request: HttpRequest, key: str, seq: int) -> HttpResponse:
    incident = visible_incident(request.user, key)
    runs = investigations.of(incident)
    detail = evidence_detail(next(iter(runs), None), seq)
    context = {"incident": incident, "detail": detail}
    return render(request, "analysis/evidence.html", context)


def _hypothesis(request: HttpRequest, hypothesis_id: UUID) -> Hypothesis:
    """The hypothesis of a workspace of this user; 404 otherwise."""
    found = Hypothesis.objects.select_related("investigation__incident__workspace")
    places = workspaces_of(request.user)
    return get_object_or_404(found, pk=hypothesis_id, investigation__incident__workspace__in=places)


def _verdict(
    request: HttpRequest, hypothesis_id: UUID, *, command: Command, words: dict[str, str]
) -> HttpResponse:
    hypothesis = _hypothesis(request, hypothesis_id)
    incident = hypothesis.investigation.incident
    require(request.user, Permission.RESPOND, incident.workspace)
    form = VerdictForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        command(hypothesis=hypothesis, by=person(request), reason=form.cleaned_data["reason"])
        toast(request, words["done"])
        return redirect(request, "incidents:detail", incident.key)
    context = {"incident": incident, "hypothesis": hypothesis, "form": form, **words}
    return render(request, "analysis/verdict.html", context, status=422 if form.is_bound else 200)


@answers_refusals
def confirm(request: HttpRequest, hypothesis_id: UUID) -> HttpResponse:
    words = {"heading": "Confirm cause", "icon": "circle-check", "done": "Cause confirmed."}
    return _verdict(request, hypothesis_id, command=feedback.confirm, words=words)


@answers_refusals
def rule_out(request: HttpRequest, hypothesis_id: UUID) -> HttpResponse:
    words = {"heading": "Rule out", "icon": "ban", "done": "Hypothesis ruled out."}
    return _verdict(request, hypothesis_id, command=feedback.rule_out, words=words)
