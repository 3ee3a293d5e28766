"""The catalogue of read tools: what each is for, what it takes, and how far its answer is trusted.

One list for models, for the collectors behind it and for the ledger. None of them changes anything:
a name that is not in `CATALOGUE` does not exist, and arguments are checked before a source is
asked.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from analysis.types import Custody

MAX_VIEW = 15_000  # characters of one answer: numbers come at about 2.5 a token, so 6,000 tokens
_SERVICE = "A service of this incident by its exact name; leave it out for all."
_ONE_SERVICE = "A service of this incident by its exact name."
_SIGNAL = "A signal as get_onsets calls it: errors, latency, cpu, memory, queue …"


class Arguments(BaseModel):
    """What a tool takes; anything else is refused."""

    model_config = ConfigDict(extra="forbid", strict=True)


class OfAll(Arguments):
    service: str = Field(default="", max_length=120, description=_SERVICE)


class GetOnsets(OfAll):
    hours_earlier: int = Field(
        default=0,
        ge=0,
        le=168,
        description="A control: the same look so many hours earlier. What shifts then is no sign.",
    )


class OfOne(Arguments):
    service: str = Field(min_length=1, max_length=120, description=_ONE_SERVICE)


class QueryMetrics(Arguments):
    service: str = Field(default="", max_length=120, description=_SERVICE)
    signal: str = Field(default="", max_length=60, description=f"{_SIGNAL} Or give promql.")
    promql: str = Field(
        default="",
        max_length=500,
        description="An expression of your own instead of a signal; window and step are set by us.",
    )
    minutes: int = Field(default=15, ge=1, le=180, description="How long before it began to start.")


class SearchLogs(OfAll):
    mode: Literal["templates", "lines"] = Field(
        default="templates",
        description="templates: what is new or surged. lines: raw text, which proves little.",
    )
    contains: str = Field(default="", max_length=100, description="Only lines with these words.")


class GetTraces(OfAll):
    mode: Literal["diff", "slow", "error"] = Field(
        default="diff", description="diff: calls before and during. slow, error: where time goes."
    )


class ListChanges(OfAll):
    hours: int = Field(default=1, ge=1, le=72, description="How long before the incident to start.")


class ComparePeers(OfOne):
    signal: str = Field(min_length=1, max_length=60, description=_SIGNAL)


class RunDiagnostic(OfOne):
    name: Literal["dns", "tcp_connect", "tls_expiry", "http_health"] = Field(
        description="What to try at the address that we have on record for the service."
    )


@dataclass(frozen=True)
class Tool:
    """One read tool. `custody` is that of its answer at best; a reading may lower it."""

    name: str
    about: str
    takes: type[Arguments]
    custody: Custody
    version: int = 1

    def schema(self) -> dict[str, Any]:
        """The JSON schema of its arguments; the same bytes every time, so prompts can be cached."""
        made = self.takes.model_json_schema()
        properties = {
            name: {key: value for key, value in about.items() if key != "title"}
            for name, about in made["properties"].items()
        }
        return {
            "type": "object",
            "properties": properties,
            "required": list(made.get("required", [])),
            "additionalProperties": False,
        }


CATALOGUE: tuple[Tool, ...] = (
    Tool(
        "compare_peers",
        "One signal of a service, instance by instance and beside the other services.",
        ComparePeers,
        Custody.APP_METRIC,
    ),
    Tool(
        "get_onsets",
        "Which signals of which services shifted, when and how far, and which stayed steady.",
        GetOnsets,
        Custody.APP_METRIC,
        version=2,
    ),
    Tool(
        "get_resource_state",
        "What the platform reports now: restarts, replicas, memory, disk, objects in trouble.",
        OfAll,
        Custody.PLATFORM_API,
        version=2,
    ),
    Tool(
        "get_runbook",
        "What people wrote down about a service: owner, notes. Guidance; it proves nothing.",
        OfOne,
        Custody.HUMAN_GUIDANCE,
    ),
    Tool(
        "get_topology",
        "Who calls whom, and when each edge was last seen.",
        OfAll,
        Custody.TRACE,
        version=2,
    ),
    Tool(
        "get_traces",
        "Calls of a service before and during, or where the slow or failing ones spend their time.",
        GetTraces,
        Custody.TRACE,
        version=2,
    ),
    Tool(
        "list_changes",
        "Deploys, configuration changes, flags and what the platform did by itself.",
        ListChanges,
        Custody.CHANGE_SYSTEM,
        version=2,
    ),
    Tool(
        "list_steps",
        "What has happened in this incident so far: alerts, actions taken, how they ended.",
        Arguments,
        Custody.HUMAN_GUIDANCE,
    ),
    Tool(
        "query_metrics",
        "One signal as numbers: level before and during, onset, and at most 60 points a series.",
        QueryMetrics,
        Custody.APP_METRIC,
    ),
    Tool(
        "run_diagnostic",
        "One read-only check of a service's own address: its name, port, certificate, health.",
        RunDiagnostic,
        Custody.PLATFORM_API,
    ),
    Tool(
        "search_logs",
        "Log templates of a service that are new or surged, with counts against the time before.",
        SearchLogs,
        Custody.APP_TEXT,
        version=2,
    ),
    Tool(
        "similar_incidents",
        "Earlier incidents of a service and how they ended. Guidance; it proves nothing.",
        OfAll,
        Custody.HUMAN_GUIDANCE,
    ),
)
_BY_NAME: Mapping[str, Tool] = {tool.name: tool for tool in CATALOGUE}


def tool_named(name: str) -> Tool:
    """The tool of this name. Raises KeyError when there is none."""
    return _BY_NAME[name]


def parsed(name: str, arguments: Mapping[str, Any]) -> Arguments:
    """The arguments as the tool takes them. Raises ValueError with what is wrong, in a line."""
    try:
        return tool_named(name).takes.model_validate(dict(arguments))
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"])[:60]
        msg = f"{name} does not take that: {where}: {first['msg'][:120]}"
        raise ValueError(msg) from error


def refusal(name: str, arguments: Mapping[str, Any], services: Sequence[str]) -> str:
    """Why this call may not run, in a line for whoever asked; empty when it may."""
    if name not in _BY_NAME:
        return f"there is no tool {name[:40]!r}; there are {', '.join(_BY_NAME)}"
    try:
        given = parsed(name, arguments)
    except ValueError as error:
        return str(error)
    service = str(getattr(given, "service", ""))
    if service and service not in services:
        known = ", ".join(sorted(services))
        return f"no service {service[:80]!r} is known; one of {known[:400]}"
    return ""


def args_hash(name: str, arguments: Mapping[str, Any]) -> str:
    """SHA-256 of the call with its defaults filled in: two calls that ask the same are the same."""
    try:
        full = parsed(name, arguments).model_dump()
    except (KeyError, ValueError):
        full = dict(arguments)
    body = json.dumps([name, full], sort_keys=True, default=str)
    return hashlib.sha256(body.encode()).hexdigest()
