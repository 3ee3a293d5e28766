"""The gate of an investigation: its budget, its record and its pseudonyms are rows."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from airra.lib import clock
from airra.lib.sealed import CannotUnseal, seal, unseal
from analysis.commands import model_call
from analysis.commands.model_budget import Spend
from analysis.models import Connector, Investigation, ModelScript
from analysis.reasoning.gate import Gate, Pseudonyms
from analysis.types import Call, IncidentContext, LeavePolicy, ProviderConfig
from incidents.models import Workspace


def open_gate(
    *, investigation: Investigation, ctx: IncidentContext, chain: Sequence[ProviderConfig]
) -> Gate:
    """The one gate of this attempt. What a replay needs is stored before anything is sent."""
    policies = policies_of(investigation.incident.workspace)
    pseudonyms = Pseudonyms(known_of(investigation), readable=ctx.services)
    script, _ = ModelScript.objects.update_or_create(
        investigation=investigation,
        attempt=investigation.attempts,
        defaults={
            "context": asdict(ctx),
            "providers": [_without_key(config) for config in chain],
            "policies": dict(policies),
            "pseudonyms": _sealed(pseudonyms),
        },
    )

    def on_call(call: Call) -> None:
        # The names come first: what left must never be on record without them.
        ModelScript.objects.filter(pk=script.pk).update(pseudonyms=_sealed(pseudonyms))
        model_call.record(investigation=investigation, call=call)

    return Gate(
        pseudonyms=pseudonyms,
        budget=Spend(investigation),
        on_call=on_call,
        policies=policies,
        now=lambda: clock.now().timestamp(),
    )


def policies_of(workspace: Workspace) -> dict[str, LeavePolicy]:
    return {c.name: c.leaves for c in Connector.objects.filter(workspace=workspace)}


def known_of(investigation: Investigation) -> Mapping[str, str]:
    """The pseudonyms given out so far; none when they were sealed with another key."""
    script = investigation.scripts.order_by("-attempt").first()
    if script is None or not script.pseudonyms:
        return {}
    try:
        found: dict[str, str] = json.loads(unseal(script.pseudonyms))
    except CannotUnseal:
        return {}
    return found


def _sealed(pseudonyms: Pseudonyms) -> bytes:
    return seal(json.dumps(dict(pseudonyms.originals)).encode())


def _without_key(config: ProviderConfig) -> dict[str, Any]:
    return {**asdict(config), "api_key": ""}
