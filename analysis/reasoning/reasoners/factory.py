"""Which reasoners an investigation asks, in order; the offline one always stands behind them."""

from collections.abc import Sequence

from analysis.reasoning.gate import Gate
from analysis.reasoning.reasoners.base import Reasoners
from analysis.reasoning.reasoners.offline import OfflineReasoner
from analysis.reasoning.talk import Model
from analysis.types import ProviderConfig, ProviderKind


def reasoners_for(chain: Sequence[ProviderConfig], gate: Gate) -> Reasoners:
    """The models of the chain, all behind this gate, then the offline reasoner."""
    return Reasoners(OfflineReasoner(), [model_of(config, gate) for config in chain], gate)


def model_of(config: ProviderConfig, gate: Gate) -> Model:
    """The adapter for this provider's API. The SDKs are slow to import: only where asked for."""
    if config.kind is ProviderKind.OPENAI:
        from analysis.reasoning.reasoners.openai import OpenAIModel  # noqa: PLC0415 - slow import

        return OpenAIModel(config, gate)
    from analysis.reasoning.reasoners.anthropic import AnthropicModel  # noqa: PLC0415 - slow import

    return AnthropicModel(config, gate)
