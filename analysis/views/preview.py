"""The preview of a detector: what other settings would have flagged, before they go live."""

from typing import Any
from uuid import UUID

from django import forms
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render

from airra.lib.htmx import is_htmx, render_partial
from analysis.commands import backtest
from analysis.connectors.base import ConnectorError
from analysis.models import Detector
from analysis.queries import detectors as queries
from analysis.queries import previews
from analysis.queries.detector_settings import NOTCHES
from analysis.views.detector_forms import TuningForm
from incidents.permissions import Permission
from incidents.queries.access import require
from incidents.views.refusals import answers_refusals

_SPANS = (("0.25", "6 hours"), ("1", "1 day"), ("3", "3 days"), ("7", "7 days"))


class PreviewForm(TuningForm):
    """The settings to try, and over how much of the past."""

    def __init__(self, data: QueryDict | None, *, detector: Detector) -> None:
        super().__init__(data, detector=detector)
        self.tried = list(self.fields)
        self.fields["days"] = forms.TypedChoiceField(
            choices=_SPANS, coerce=float, label="Over the last", initial="1"
        )
        self.fields["series"] = forms.CharField(
            required=False, max_length=300, strip=False, widget=forms.HiddenInput
        )

    @property
    def settings(self) -> dict[str, Any]:
        return {name: self.cleaned_data[name] for name in self.tried}


@answers_refusals
def preview(request: HttpRequest, detector_id: UUID) -> HttpResponse:
    """Runs when it is asked to: it reads the source, and keeps a worker busy for seconds."""
    detector = queries.row(request.user, detector_id).detector
    require(request.user, Permission.RESPOND, detector.workspace)
    is_asked = "days" in request.GET
    form = PreviewForm(request.GET if is_asked else None, detector=detector)
    context: dict[str, Any] = {"detector": detector, "form": form, "notches": NOTCHES}
    status = 200
    if is_asked and form.is_valid():
        context |= _replayed(detector, form)
    elif is_asked:
        status = 422
    if is_htmx(request):
        return render_partial(
            request, "analysis/detector_preview.html", "preview", context, status=status
        )
    return render(request, "analysis/detector_preview.html", context, status=status)


def _replayed(detector: Detector, form: PreviewForm) -> dict[str, Any]:
    """The preview, or why there is none; and what would be saved."""
    changed = {n: v for n, v in form.settings.items() if v != getattr(detector, n)}
    asked = backtest.Request(
        span_s=form.cleaned_data["days"] * 86_400,
        variants=({}, changed) if changed else ({},),
        limits=backtest.PAGE,
        is_coarse=True,
        is_drawn=True,
    )
    try:
        found = backtest.run(detector, asked)
    except backtest.CannotReplay as error:
        return {"refusal": str(error)}
    except ConnectorError as error:
        return {"problem": f"{detector.connector.name}: {error}."}
    shown = previews.preview(detector, found, drawn=form.cleaned_data["series"])
    kept = [(name, form[name].value()) for name in form.tried] if changed else []
    return {"preview": shown, "kept": kept}
