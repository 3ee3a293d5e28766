"""The REST API: the apps' routers on one OpenAPI document, and one way to answer errors.

The pages use the same commands, so the two can never allow different things.
"""

from typing import Any

import pydantic
from django.http import Http404, HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError
from ninja.openapi.schema import OpenAPISchema

from airra.lib.db import Conflict
from airra.lib.problem import problem
from analysis.api import detectors
from analysis.api import router as analysis
from analysis.api.schemas import HypothesisOut, hypothesis_out
from analysis.commands.investigation import CannotInvestigate
from analysis.queries import hypotheses
from incidents.api import alerts, deliveries, integrations, rules, silences
from incidents.api import router as incidents
from incidents.api.auth import BearerToken, incident_of, workspace_of
from incidents.api.schemas import EventOut, IncidentFields, IncidentOut
from incidents.commands.delivery import CannotReplay
from incidents.commands.grouping import NotARule
from incidents.commands.integration import BadSetting
from incidents.commands.regroup import CannotMove
from incidents.commands.rule_trial import NotATrial
from incidents.commands.silence import NotASilence
from incidents.commands.trial import CannotTry
from incidents.lifecycle import IllegalMove
from incidents.permissions import NotPermitted
from incidents.queries.api_list import BadCursor
from remediation.api import router as remediation
from remediation.api.schemas import PlanOut
from remediation.commands.refusal import Refused
from remediation.queries import api as plans


class SelfDescribed(NinjaAPI):
    """Describes itself once a process: its operations are those it began with."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self._documents: dict[str, OpenAPISchema] = {}

    def get_openapi_schema(
        self, *, path_prefix: str | None = None, path_params: dict[str, Any] | None = None
    ) -> OpenAPISchema:
        prefix = self.get_root_path(path_params or {}) if path_prefix is None else path_prefix
        if prefix not in self._documents:
            self._documents[prefix] = super().get_openapi_schema(path_prefix=prefix)
        return self._documents[prefix]


api = SelfDescribed(
    title="AIRRA",
    version="1",
    description="Alerts, incidents, investigations, approvals, actions. Errors are problem+json.",
    auth=BearerToken(),
    urls_namespace="api",
    docs_url="/docs",
)


class IncidentDetail(IncidentFields):
    """One incident with what every app knows of it."""

    timeline: list[EventOut]
    investigation: str | None
    outcome: str
    summary: str
    hypotheses: list[HypothesisOut]
    plan: PlanOut | None


@incidents.router.get("/{key}", response=IncidentDetail, summary="One incident, all of it")
def incident(request: HttpRequest, key: str) -> dict[str, Any]:
    found = incident_of(request, key)
    panel = hypotheses.panel(found)
    run = panel.investigation
    return {
        **IncidentOut.from_orm(found).dict(),
        "timeline": list(found.events.order_by("id")),
        "investigation": str(run.pk) if run else None,
        "outcome": run.outcome if run else "",
        "summary": run.summary if run else "",
        "hypotheses": [hypothesis_out(row) for row in panel.hypotheses],
        "plan": plans.newest_plan(workspace_of(request), found.pk),
    }


api.add_router("/incidents", incidents.router)
api.add_router("/incidents", analysis.router)
api.add_router("/alerts", alerts.router)
api.add_router("/deliveries", deliveries.router)
api.add_router("/integrations", integrations.router)
api.add_router("/silences", silences.router)
api.add_router("/grouping-rules", rules.router)
api.add_router("/rule-trials", rules.trials_router)
api.add_router("/detectors", detectors.router)
api.add_router("/anomalies", detectors.anomalies_router)
api.add_router("/sources", detectors.sources_router)
api.add_router("/approvals", remediation.approvals)
api.add_router("/actions", remediation.actions)


@api.exception_handler(AuthenticationError)
def _unknown_caller(_: HttpRequest, __: AuthenticationError) -> HttpResponse:
    answer = problem(401, "send an API token as 'Authorization: Bearer airra_api_…'")
    answer["WWW-Authenticate"] = "Bearer"
    return answer


@api.exception_handler(ValidationError)
def _malformed(_: HttpRequest, error: ValidationError) -> HttpResponse:
    errors = [
        {
            "field": ".".join(str(part) for part in place["loc"][1:] if part != "given"),
            "message": str(place["msg"]).removeprefix("Value error, "),  # pydantic's words
        }
        for place in error.errors
    ]
    named = ", ".join(dict.fromkeys(e["field"] for e in errors if e["field"])) or "the body"
    return problem(422, f"not understood: {named}", errors=errors)


@api.exception_handler(Http404)
def _not_found(_: HttpRequest, error: Http404) -> HttpResponse:
    return problem(404, str(error) or "there is nothing here for you")


@api.exception_handler(NotPermitted)
def _not_permitted(_: HttpRequest, error: NotPermitted) -> HttpResponse:
    return problem(403, str(error), roles=[str(role) for role in error.roles])


@api.exception_handler(Conflict)
def _overtaken(_: HttpRequest, error: Conflict) -> HttpResponse:
    return problem(409, str(error), newer=str(error.newer))


@api.exception_handler(IllegalMove)
@api.exception_handler(CannotInvestigate)
@api.exception_handler(CannotReplay)
@api.exception_handler(CannotTry)
@api.exception_handler(NotATrial)
def _not_now(_: HttpRequest, error: Exception) -> HttpResponse:
    return problem(409, str(error))


@api.exception_handler(Refused)
def _refused(_: HttpRequest, error: Refused) -> HttpResponse:
    status = {"separation": 403, "step_up": 403, "reason": 422, "too_many": 429}.get(
        error.rule, 409
    )
    return problem(status, str(error), rule=error.rule)


@api.exception_handler(CannotMove)
def _cannot_move(_: HttpRequest, error: CannotMove) -> HttpResponse:
    return _wrong_field("to", error)


@api.exception_handler(BadSetting)
@api.exception_handler(NotASilence)
@api.exception_handler(NotARule)
def _bad_field(_: HttpRequest, error: BadSetting | NotASilence | NotARule) -> HttpResponse:
    return _wrong_field(error.field, error)


def _wrong_field(field: str, error: Exception) -> HttpResponse:
    told = str(error)
    return problem(422, f"{field}: {told}", errors=[{"field": field, "message": told}])


@api.exception_handler(BadCursor)
@api.exception_handler(ValueError)
def _not_usable(_: HttpRequest, error: Exception) -> HttpResponse:
    """What a command says of its input; an answer that breaks our own schema is our fault."""
    if isinstance(error, pydantic.ValidationError):
        raise error
    return problem(422, str(error))


@api.exception_handler(HttpError)
def _as_said(_: HttpRequest, error: HttpError) -> HttpResponse:
    return problem(error.status_code, str(error))
