"""The detectors: what they watch, how they fare, what they found, and what people teach them."""

from typing import Any
from uuid import UUID

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from airra.lib.htmx import next_url, redirect, toast
from airra.lib.quantities import count
from analysis.commands import tuning
from analysis.commands.replayed import CANNOT
from analysis.models import Anomaly, Detector
from analysis.queries import detector_anomalies, detector_series, forecasts
from analysis.queries import detectors as queries
from analysis.queries.detector_settings import NOTCHES, total_words
from analysis.views.detector_forms import QuietForm, SnoozeForm, TuningForm
from incidents.permissions import Permission
from incidents.queries.access import permissions_of, require
from incidents.views.refusals import person, writes

_FORETELLS = {Detector.Rule.FORECAST, Detector.Rule.BURN_RATE}


def detectors(request: HttpRequest) -> HttpResponse:
    filters = queries.Filters.parse(request.GET.dict())
    context = {
        "rows": queries.rows(request.user, filters),
        "filters": filters,
        "days": queries.HISTORY_DAYS,
        "rules": Detector.Rule.choices,
        "signals": Detector.Signal.values,
        "standings": list(queries.Standing),
    }
    return render(request, "analysis/detectors.html", context)


def detector(request: HttpRequest, detector_id: UUID) -> HttpResponse:
    return _page(request, queries.row(request.user, detector_id))


def _page(
    request: HttpRequest, row: queries.DetectorRow, *, status: int = 200, **given: forms.Form
) -> HttpResponse:
    """The page of one detector; `given` are forms that came back with errors."""
    found = row.detector
    wanted = request.GET.get("page", "")
    allowed = permissions_of(request.user, found.workspace)
    q = request.GET.get("series", "")[:100]
    context: dict[str, Any] = {
        "row": row,
        "detector": found,
        "may_tune": Permission.RESPOND in allowed,
        "may_replay": found.rule not in CANNOT,
        "may_switch": Permission.ADMINISTER in allowed,
        "anomalies": detector_anomalies.page(
            found, number=int(wanted) if wanted.isdecimal() and len(wanted) < 6 else 1
        ),
        "series": detector_series.listed(found, q=q),
        "q": q,
        "days": queries.HISTORY_DAYS,
        "form": TuningForm(None, detector=found),
        "quiet": QuietForm(),
        "notches": NOTCHES,
        "total": total_words(found.alarms_per_week, found.last_series_count),
        "record": forecasts.record_of(found) if found.rule in _FORETELLS else None,
        **given,
    }
    return render(request, "analysis/detector.html", context, status=status)


@writes
def tune(request: HttpRequest, detector_id: UUID) -> HttpResponse:
    row = queries.row(request.user, detector_id)
    form = TuningForm(request.POST, detector=row.detector)
    if not form.is_valid():
        require(request.user, Permission.RESPOND, row.detector.workspace)
        return _page(request, row, status=422, form=form)
    changed = tuning.change(detector=row.detector, settings=form.settings, by=person(request))
    words = f"Saved {count(len(changed), 'setting')}; the next look uses it."
    toast(request, words if changed else "Nothing was different.")
    return _back(request, row.detector)


@writes
def mute(request: HttpRequest, detector_id: UUID) -> HttpResponse:
    row = queries.row(request.user, detector_id)
    form = QuietForm(request.POST)
    if not form.is_valid():
        require(request.user, Permission.RESPOND, row.detector.workspace)
        return _page(request, row, status=422, quiet=form)
    tuning.mute(detector=row.detector, until=form.ends_at, by=person(request))
    toast(request, f"Muted until {form.ends_at:%d %b %H:%M} UTC. It goes on watching.")
    return _back(request, row.detector)


@writes
def unmute(request: HttpRequest, detector_id: UUID) -> HttpResponse:
    found = queries.row(request.user, detector_id).detector
    tuning.unmute(detector=found, by=person(request))
    toast(request, f"{found.name} may open incidents again.")
    return _back(request, found)


@writes
def switch(request: HttpRequest, detector_id: UUID) -> HttpResponse:
    found = queries.row(request.user, detector_id).detector
    is_on = request.POST.get("is_on") == "yes"
    tuning.switch(detector=found, is_on=is_on, by=person(request))
    toast(request, f"{found.name} is {'on' if is_on else 'off: nothing is noticed by it'}.")
    return _back(request, found)


@writes
def snooze(request: HttpRequest, detector_id: UUID) -> HttpResponse:
    """Let one series of a detector wait, or wake it."""
    row = queries.row(request.user, detector_id)
    require(request.user, Permission.RESPOND, row.detector.workspace)
    form = SnoozeForm(request.POST)
    if not form.is_valid():
        toast(request, "Choose a series and for how long.", is_good=False)
        return _back(request, row.detector, "#series")
    key = form.cleaned_data["series_key"]
    detector_series.require_known(row.detector, key)
    until = form.ends_at
    tuning.snooze(detector=row.detector, series_key=key, until=until, by=person(request))
    toast(request, f"Snoozed until {until:%d %b %H:%M} UTC." if until else "Awake again.")
    return _back(request, row.detector, "#series")


def _back(request: HttpRequest, found: Detector, place: str = "") -> HttpResponse:
    return redirect(request, f"{reverse('analysis:detector', args=[found.pk])}{place}")


@writes
def feedback(request: HttpRequest, anomaly_id: UUID) -> HttpResponse:
    """A person's word on one anomaly; it comes back to the page it was said on."""
    anomaly = queries.visible_anomaly(request.user, anomaly_id)
    said = request.POST.get("said", "")
    if said in {*Anomaly.Feedback.values, ""}:
        tuning.say(anomaly=anomaly, feedback=said, by=person(request))
        toast(request, detector_anomalies.lesson(anomaly))
    else:
        toast(request, "Say that it is real, or that it is not an anomaly.", is_good=False)
    page = reverse("analysis:detector", args=[anomaly.detector_id])
    return redirect(request, f"{next_url(request, page)}#anomaly-{anomaly.pk}")
