"""What would be sent for an incident, made by the very code that sends, and not sent."""

from contextlib import suppress
from dataclasses import asdict, dataclass

from airra.lib import clock
from airra.lib.wire import Incoming, Outgoing
from analysis.commands.investigation.scene import context_of
from analysis.commands.model_gate import names_of, policies_of
from analysis.commands.model_script import without_key
from analysis.commands.replay import play
from analysis.models import Investigation, ModelScript
from analysis.queries.providers import providers_for
from analysis.reasoning.gate import Cassette, Ceilings, Gate, Pseudonyms, Purse, Stopped
from incidents.models import Incident


@dataclass(frozen=True)
class WouldSend:
    """The first request of an investigation that began now, over the evidence there is."""

    provider: str
    model: str
    path: str
    body: bytes


class _Caught(Cassette):
    """Keeps what would have been sent, and lets nothing out."""

    def __init__(self) -> None:
        super().__init__(())
        self.caught: list[Outgoing] = []

    def play(self, outgoing: Outgoing) -> Incoming:
        self.caught.append(outgoing)
        msg = "a preview: nothing is sent"
        raise Stopped(msg)


def would_send(*, incident: Incident) -> list[WouldSend]:
    """At most one request, to the first model of the chain, over the newest ledger."""
    chain = providers_for(incident.workspace)[:1]
    if not chain:
        return []
    made = incident.investigations.order_by("-created_at").first() or Investigation(
        incident=incident
    )
    is_kept = not made._state.adding
    script = is_kept and made.scripts.order_by("-attempt").first()
    ctx = context_of(incident)
    caught = _Caught()
    told = script.context if script else {"incident": asdict(ctx)}
    now = ModelScript(
        context=told, providers=[without_key(config) for config in chain], at=clock.now()
    )
    gate = Gate(
        pseudonyms=Pseudonyms(names_of(made) if is_kept else {}, readable=ctx.services),
        budget=Purse(Ceilings(cost_usd=0, turns=0, wall_s=0), lambda: 0.0),
        cassette=caught,
        policies=policies_of(incident.workspace),
    )
    with suppress(Stopped):
        play(made, now, gate)
    return [WouldSend(chain[0].name, chain[0].model, o.path, o.body) for o in caught.caught[:1]]
