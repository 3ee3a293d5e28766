"""Trying a model out: three small calls that hold nothing of the workspace."""

from dataclasses import asdict, replace

from django.contrib.auth.models import User

from airra.env import EnvError
from airra.lib import clock
from airra.lib.redact import redact
from analysis.commands.model_budget import DaySpend
from analysis.models import ModelProvider
from analysis.queries.providers import config_of, key_of
from analysis.reasoning.gate import Gate, Stopped
from analysis.reasoning.reasoners.probe import probe
from analysis.reasoning.talk import ReasonerError
from analysis.types import Capabilities
from incidents.commands import audit
from incidents.permissions import Permission
from incidents.queries.access import require

_MAX_TOKENS = 2000
_TIMEOUT_S = 20.0


def try_out(*, provider: ModelProvider, by: User) -> str:
    """Find out what it can do, and keep it for investigations. The problem, or "" when it answers.

    What was known of a model that cannot be asked now is kept.
    """
    require(by, Permission.ADMINISTER, provider.workspace)
    found, problem = _probed(provider)
    now = clock.now()
    if found is not None:
        provider.capabilities = asdict(found)
        provider.last_ok_at, provider.last_error, provider.last_error_at = now, "", None
    else:
        provider.last_error, provider.last_error_at = problem[:300], now
    provider.save(update_fields=["capabilities", "last_ok_at", "last_error", "last_error_at"])
    after = {"problem": provider.last_error, "capabilities": provider.capabilities}
    audit.record("model_provider.tried", target=provider, by=by, after=after)
    return problem


def _probed(provider: ModelProvider) -> tuple[Capabilities | None, str]:
    gate = Gate(budget=DaySpend(provider.workspace))
    try:
        config = config_of(provider, key_of(provider))
        short = replace(config, max_tokens=_MAX_TOKENS, timeout_s=_TIMEOUT_S)
        return probe(short, gate), ""
    except (EnvError, ReasonerError, Stopped) as error:
        return None, redact(str(error))
