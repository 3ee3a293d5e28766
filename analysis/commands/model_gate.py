"""The gate of an investigation: its budget, its record and its pseudonyms are rows."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict

from django.db.models import QuerySet

from airra.lib import clock
from airra.lib.sealed import CannotUnseal, seal, unseal
from analysis.commands import model_call
from analysis.commands.model_budget import Spend
from analysis.commands.model_script import Scribe, without_key
from analysis.models import Connector, Investigation, ModelScript
from analysis.reasoning.gate import Gate, Pseudonyms
from analysis.types import Call, IncidentContext, LeavePolicy, ProviderConfig
from incidents.models import Workspace


def open_gate(
    *, investigation: Investigation, ctx: IncidentContext, chain: Sequence[ProviderConfig]
) -> tuple[Gate, Scribe]:
    """The one gate of this attempt, and who writes down what else the models are told.

    What a replay needs is stored before anything is sent.
    """
    policies = policies_of(investigation.incident.workspace)
    pseudonyms = Pseudonyms(names_before(investigation), readable=ctx.services)
    script, _ = ModelScript.objects.update_or_create(
        investigation=investigation,
        attempt=investigation.attempts,
        defaults={
            "context": {"incident": asdict(ctx)},
            "providers": [without_key(config) for config in chain],
            "policies": dict(policies),
            "pseudonyms": _sealed(pseudonyms),
            "at": clock.now(),
        },
    )
    scribe = Scribe(script)

    def on_call(call: Call) -> None:
        # The names come first: what left must never be on record without them.
        scribe.save(pseudonyms=_sealed(pseudonyms))
        model_call.record(investigation=investigation, call=call)

    gate = Gate(
        pseudonyms=pseudonyms,
        budget=Spend(investigation),
        on_call=on_call,
        policies=policies,
        now=lambda: clock.now().timestamp(),
    )
    return gate, scribe


def policies_of(workspace: Workspace) -> dict[str, LeavePolicy]:
    return {c.name: c.leaves for c in Connector.objects.filter(workspace=workspace)}


def names_before(investigation: Investigation) -> Mapping[str, str]:
    """The pseudonyms that earlier attempts gave out; none that were sealed with another key."""
    return _names(investigation.scripts.filter(attempt__lt=investigation.attempts))


def names_of(investigation: Investigation) -> Mapping[str, str]:
    """All pseudonyms given out so far."""
    return _names(investigation.scripts.all())


def _names(scripts: QuerySet[ModelScript]) -> Mapping[str, str]:
    script = scripts.order_by("-attempt").first()
    if script is None or not script.pseudonyms:
        return {}
    try:
        found: dict[str, str] = json.loads(unseal(script.pseudonyms))
    except CannotUnseal:
        return {}
    return found


def _sealed(pseudonyms: Pseudonyms) -> bytes:
    return seal(json.dumps(dict(pseudonyms.originals)).encode())
