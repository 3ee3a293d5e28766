"""Which reasoners an investigation asks, in order; the offline one is always the last."""

from analysis.reasoning.reasoners.base import Reasoner
from analysis.reasoning.reasoners.offline import OfflineReasoner


def reasoners_for(
    *, api_key: str, base_url: str, model: str, effort: str, max_turns: int
) -> list[Reasoner]:
    """The Claude reasoner where a key is set, then the offline one."""
    found: list[Reasoner] = []
    if api_key:
        from analysis.reasoning.reasoners.anthropic import (  # noqa: PLC0415 - a slow import
            AnthropicReasoner,
        )

        found.append(
            AnthropicReasoner(
                api_key=api_key,
                base_url=base_url,
                model=model,
                effort=effort,
                max_turns=max_turns,
            )
        )
    return [*found, OfflineReasoner()]
