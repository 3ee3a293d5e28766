"""The page of models: the chain, what each link costs and keeps, and what was spent today."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.conf import settings

from airra.lib import clock
from analysis.models import ModelSpend
from analysis.queries.providers import Link, chain_of
from analysis.types import Price, ProviderKind
from analysis.types.known_models import VENDORS
from incidents.models import Workspace

MICRO = 1_000_000
_SCHEMA = {True: "keeps to a schema", False: "keeps to no schema: its answers are read as text"}


@dataclass(frozen=True)
class LinkRow:
    """One link of the chain in words."""

    rank: int
    link: Link

    @property
    def vendor(self) -> str:
        """Who gets what is sent."""
        config = self.link.config
        return config.base_url or VENDORS[config.kind]

    @property
    def speaks(self) -> str:
        kind = self.link.config.kind
        return "Messages API" if kind is ProviderKind.ANTHROPIC else "Responses API"

    @property
    def price(self) -> Price | None:
        return self.link.config.price

    @property
    def can(self) -> Sequence[str]:
        """What a trial found, in words; empty before one."""
        row = self.link.row
        if row is None or row.last_ok_at is None:
            return ()
        found = self.link.config.capabilities
        if not found.tools:
            return ("calls no tools: it ranks what was collected", _SCHEMA[found.schema])
        tools = "calls several tools at once" if found.parallel else "calls one tool at a time"
        return (tools, _SCHEMA[found.schema])

    @property
    def state(self) -> str:
        if not self.link.problem:
            return "asked"
        is_off = self.link.row is not None and not self.link.row.is_enabled
        return "off" if is_off else "failing"


@dataclass(frozen=True)
class Ceiling:
    """One budget: its words, the ceiling, and the setting that moves it."""

    name: str
    ceiling: str
    setting: str


@dataclass(frozen=True)
class Today:
    """What the models of a workspace used since midnight UTC."""

    used_usd: float
    reserved_usd: float
    ceiling_usd: float
    turns: int
    refused: int

    @property
    def share(self) -> float:
        """Of the ceiling, for a meter; 0 without one."""
        spent = self.used_usd + self.reserved_usd
        return min(spent / self.ceiling_usd, 1.0) if self.ceiling_usd else 0.0


@dataclass(frozen=True)
class ModelSettings:
    links: Sequence[LinkRow]
    ceilings: Sequence[Ceiling]
    today: Today

    @property
    def is_of_environment(self) -> bool:
        return bool(self.links) and self.links[0].link.row is None

    @property
    def asked(self) -> int:
        return sum(row.state == "asked" for row in self.links)


def settings_of(workspace: Workspace) -> ModelSettings:
    """Two queries."""
    links = [LinkRow(rank, link) for rank, link in enumerate(chain_of(workspace), 1)]
    return ModelSettings(links, _ceilings(), today_of(workspace))


def today_of(workspace: Workspace) -> Today:
    day = (
        ModelSpend.objects.filter(
            workspace=workspace, scope=ModelSpend.Scope.DAY, key=clock.now().date().isoformat()
        ).first()
        or ModelSpend()
    )
    return Today(
        used_usd=day.used_microusd / MICRO,
        reserved_usd=day.reserved_microusd / MICRO,
        ceiling_usd=settings.MODEL_DAY_BUDGET_USD,
        turns=day.turns,
        refused=day.refused,
    )


def _ceilings() -> list[Ceiling]:
    return [
        Ceiling("An investigation", _dollars(settings.MODEL_BUDGET_USD), "AIRRA_MODEL_BUDGET_USD"),
        Ceiling("A day", _dollars(settings.MODEL_DAY_BUDGET_USD), "AIRRA_MODEL_DAY_BUDGET_USD"),
        Ceiling(
            "Calls of an investigation",
            str(settings.MODEL_MAX_TURNS or "none"),
            "AIRRA_MODEL_MAX_TURNS",
        ),
        Ceiling(
            "Tokens of an investigation",
            f"{settings.MODEL_MAX_TOKENS:,}" if settings.MODEL_MAX_TOKENS else "none",
            "AIRRA_MODEL_MAX_TOKENS",
        ),
        Ceiling("Time of an investigation", f"{settings.MODEL_WALL_S} s", "AIRRA_MODEL_WALL_S"),
    ]


def _dollars(usd: float) -> str:
    return f"${usd:,.2f}" if usd else "none"
