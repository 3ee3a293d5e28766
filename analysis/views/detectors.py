"""The detectors: what they watch, how they fare, what they found."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from analysis.queries import detectors as queries


def detectors(request: HttpRequest) -> HttpResponse:
    context = {"rows": queries.rows(request.user), "days": queries.HISTORY_DAYS}
    return render(request, "analysis/detectors.html", context)


def detector(request: HttpRequest, detector_id: UUID) -> HttpResponse:
    row = queries.row(request.user, detector_id)
    context = {
        "row": row,
        "detector": row.detector,
        "anomalies": queries.anomalies_of(row.detector),
        "days": queries.HISTORY_DAYS,
    }
    return render(request, "analysis/detector.html", context)
