"""Models by name: prices and what their vendor keeps, as published in November 2026.

US dollars for a million tokens, from the vendors' price lists. They move monthly: a provider with
prices of its own wins. Cache writes are the five-minute kind; OpenAI writes to its cache for free.
"""

from dataclasses import dataclass

from analysis.types.providers import Price, ProviderKind

_KEEPS_30 = "30 days, then deleted; not used for training. None with a zero-retention contract."
_COVERED = "30 days, always: a zero-retention contract does not cover this model."
_OPENAI = (
    "30 days in logs against abuse; AIRRA asks for no storage (store=false); not for training."
)
UNKNOWN = "Not known for this model: ask whoever runs the server."


@dataclass(frozen=True)
class KnownModel:
    kind: ProviderKind
    price: Price
    retention: str
    note: str = ""


def _openai(into: float, out: float, cached: float) -> KnownModel:
    """Above 272,000 tokens input costs twice and output half as much again."""
    double = Price(2 * into, 1.5 * out, 2 * cached, 2 * into)
    return KnownModel(ProviderKind.OPENAI, Price(into, out, cached, into, double, 272_000), _OPENAI)


def _claude(price: Price, note: str = "", retention: str = _KEEPS_30) -> KnownModel:
    return KnownModel(ProviderKind.ANTHROPIC, price, retention, note)


KNOWN_MODELS: dict[str, KnownModel] = {
    "claude-opus-5-5": _claude(Price(4, 20, 0.2, 5), "The default investigator."),
    "claude-sonnet-5-5": _claude(Price(2, 10, 0.1, 2.5), "Half the price."),
    "claude-haiku-5-5": _claude(
        Price(0.1, 0.5, 0.01, 0.125, Price(0.5, 2.5, 0.05, 0.625), 100_000),
        "For short texts: five times dearer above 100,000 tokens.",
    ),
    "claude-opus-5": _claude(Price(5, 25, 0.5, 6.25)),
    "claude-fable-5-2": _claude(Price(8, 40, 0.2, 10), "", _COVERED),
    "gpt-6.1-sol": _openai(2, 10, 0.1),
    "gpt-6-sol": _openai(2, 10, 0.2),
    "gpt-6.1-terra": _openai(1, 5, 0.05),
    "gpt-6-luna": _openai(0.1, 0.5, 0.01),
    "gpt-6-astra": _openai(10, 50, 1),
}

DEFAULT_MODEL = {
    ProviderKind.ANTHROPIC: "claude-opus-5-5",
    ProviderKind.OPENAI: "gpt-6.1-sol",
}
VENDORS = {ProviderKind.ANTHROPIC: "Anthropic", ProviderKind.OPENAI: "OpenAI"}


def known(model: str, *, is_vendors: bool) -> KnownModel | None:
    """What is published of a model; nothing when somebody else's server answers to its name."""
    return KNOWN_MODELS.get(model) if is_vendors else None
