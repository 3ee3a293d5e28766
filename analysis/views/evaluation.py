"""How right AIRRA's reasoners are where the cause is known."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from analysis.queries.evaluations import newest


def evaluation(request: HttpRequest) -> HttpResponse:
    return render(request, "analysis/evaluation.html", {"page": newest()})
