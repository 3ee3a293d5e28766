"""What a model's run was told from outside its ledger, kept so that it can be played again."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

from analysis.models import ModelScript
from analysis.reasoning.ledger import Ledger
from analysis.reasoning.workbench import Outside
from analysis.types import (
    Capabilities,
    Edge,
    Guidance,
    HypothesisDraft,
    IncidentContext,
    Price,
    ProviderConfig,
    ProviderKind,
)


class Scribe:
    """Writes down, question by question, which notes and hypotheses of people were handed over."""

    def __init__(self, script: ModelScript) -> None:
        self._script = script

    def listening(self, outside: Outside) -> Outside:
        """The same, with a record of what it says."""

        def take_guidance() -> tuple[Guidance, ...]:
            notes = outside.take_guidance()
            self._script.guidance.append([asdict(note) for note in notes])
            if notes:
                self.save()
            return notes

        def take_hypotheses(ledger: Ledger) -> Sequence[HypothesisDraft]:
            drafts = outside.take_hypotheses(ledger)
            self._script.suggestions.append(len(drafts))
            if drafts:
                self.save()
            return drafts

        def suspects(ctx: IncidentContext, ledger: Ledger) -> Sequence[str]:
            found = list(outside.suspects(ctx, ledger))
            self._script.context["suspects"] = found
            self.save()
            return found

        return replace(
            outside,
            take_guidance=take_guidance,
            take_hypotheses=take_hypotheses,
            suspects=suspects,
        )

    def save(self, **also: Any) -> None:
        """Store what was heard so far, together with other fields of the row."""
        script = self._script
        ModelScript.objects.filter(pk=script.pk).update(
            context=script.context,
            guidance=script.guidance,
            suggestions=script.suggestions,
            **also,
        )


def context_of(script: ModelScript) -> IncidentContext:
    """The incident as it was told."""
    told = dict(script.context["incident"])
    edges = tuple(Edge(**edge) for edge in told.pop("edges"))
    return IncidentContext(**{**told, "services": tuple(told["services"]), "edges": edges})


def chain_of(script: ModelScript) -> list[ProviderConfig]:
    """The chain as it was, with a key that opens nothing."""
    return [_config(dict(told)) for told in script.providers]


def without_key(config: ProviderConfig) -> dict[str, Any]:
    return {**asdict(config), "api_key": ""}


def _config(told: dict[str, Any]) -> ProviderConfig:
    price = told.pop("price")
    abilities = Capabilities(**told.pop("capabilities"))
    told |= {"api_key": "replay", "kind": ProviderKind(told["kind"])}
    return ProviderConfig(**told, price=_price(price), capabilities=abilities)


def _price(told: dict[str, Any] | None) -> Price | None:
    return None if told is None else Price(**{**told, "long": _price(told["long"])})
