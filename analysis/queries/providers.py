"""The chain of models a workspace asks, from its rows or, without any, from the environment."""

from dataclasses import dataclass

from django.conf import settings

from airra.env import EnvError, referenced_secret
from analysis.models import ModelProvider
from analysis.types import Capabilities, Price, ProviderConfig, ProviderKind
from analysis.types.known_models import UNKNOWN, known
from incidents.models import Workspace

_NO_KEY = "no-key"  # servers of one's own ask for none; the SDKs insist on some


@dataclass(frozen=True)
class Link:
    """One link of the chain as the page shows it. `problem` says why it is not asked."""

    config: ProviderConfig
    row: ModelProvider | None  # None: it comes from the environment
    problem: str = ""


def providers_for(workspace: Workspace) -> list[ProviderConfig]:
    """What an investigation asks, in order; empty means the offline reasoner alone."""
    return [link.config for link in chain_of(workspace) if not link.problem]


def chain_of(workspace: Workspace) -> list[Link]:
    """Every link, also those that are off or cannot be asked."""
    rows = ModelProvider.objects.filter(workspace=workspace)
    return [_of_row(row) for row in rows] or _of_environment()


def config_of(row: ModelProvider, api_key: str) -> ProviderConfig:
    """A row with its key, its prices and what its vendor keeps."""
    about = known(row.model, is_vendors=not row.base_url)
    price = _own_price(row) or (about.price if about else None)
    return ProviderConfig(
        name=row.name,
        kind=ProviderKind(row.kind),
        model=row.model,
        effort=row.effort,
        api_key=api_key,
        base_url=row.base_url,
        max_turns=settings.ANTHROPIC_MAX_TURNS,
        price=price,
        retention=about.retention if about else UNKNOWN,
        capabilities=Capabilities(**row.capabilities),
    )


def _of_row(row: ModelProvider) -> Link:
    problem = "" if row.is_enabled else "switched off"
    try:
        key = key_of(row)
    except EnvError as error:
        key, problem = "", problem or str(error)
    return Link(config_of(row, key), row, problem)


def key_of(row: ModelProvider) -> str:
    """The key its reference names, else the environment's. Raises `EnvError` when there is none."""
    if row.secret_ref:
        return referenced_secret(row.secret_ref)
    if row.base_url:
        return _NO_KEY
    is_claude = row.kind == ProviderKind.ANTHROPIC
    key: str = settings.ANTHROPIC_API_KEY if is_claude else settings.OPENAI_API_KEY
    if not key:
        name = "ANTHROPIC" if is_claude else "OPENAI"
        msg = f"AIRRA_{name}_API_KEY is not set, and it names no secret of its own"
        raise EnvError(msg)
    return key


def _own_price(row: ModelProvider) -> Price | None:
    if row.input_usd is None or row.output_usd is None:
        return None
    read = row.input_usd if row.cache_read_usd is None else row.cache_read_usd
    write = row.input_usd if row.cache_write_usd is None else row.cache_write_usd
    return Price(row.input_usd, row.output_usd, read, write)


def _of_environment() -> list[Link]:
    named = (
        (
            ProviderKind.ANTHROPIC,
            settings.ANTHROPIC_API_KEY,
            settings.ANTHROPIC_BASE_URL,
            settings.ANTHROPIC_MODEL,
            settings.ANTHROPIC_EFFORT,
        ),
        (
            ProviderKind.OPENAI,
            settings.OPENAI_API_KEY,
            settings.OPENAI_BASE_URL,
            settings.OPENAI_MODEL,
            settings.OPENAI_EFFORT,
        ),
    )
    return [
        Link(_from_settings(kind, key, base_url, model, effort), None)
        for kind, key, base_url, model, effort in named
        if key
    ]


def _from_settings(
    kind: ProviderKind, key: str, base_url: str, model: str, effort: str
) -> ProviderConfig:
    about = known(model, is_vendors=not base_url)
    return ProviderConfig(
        name=f"{kind}:{model}"[:60],
        kind=kind,
        model=model,
        effort=effort,
        api_key=key,
        base_url=base_url,
        max_turns=settings.ANTHROPIC_MAX_TURNS,
        price=about.price if about else None,
        retention=about.retention if about else UNKNOWN,
    )
