"""What left for models: a chain, calls of each fate, and a source that says nothing may leave."""

from dataclasses import replace
from datetime import timedelta

from airra.lib import clock
from analysis.commands import model_call
from analysis.commands.model_budget import Spend
from analysis.models import Investigation, ModelProvider
from analysis.types import CallStatus, Estimate, Tokens
from tests.factories.model_calls import RECORDED, call

LOCAL = "http://127.0.0.1:11434"


def asked() -> None:
    """The newest investigation by a model, with its calls; and two links of a chain."""
    run = Investigation.objects.filter(reasoner__startswith="anthropic").latest("created_at")
    began = (clock.now() - timedelta(minutes=3)).timestamp()
    busy = "the API answered 529"
    failed = replace(RECORDED, status=529, response=b'{"error": "overloaded"}')
    stopped = "the request held an identity (<HOST_1>): nothing was sent"
    for number, one in enumerate(
        (
            call(cost_usd=0.0421, tokens=Tokens(9800, 640)),
            call(
                status=CallStatus.FAILED,
                reason=busy,
                recorded=failed,
                tokens=Tokens(),
                cost_usd=0.0,
                stop_reason="",
            ),
            call(cost_usd=0.1034, tokens=Tokens(3100, 1900, cache_read=41000), latency_ms=18_400),
            call(
                status=CallStatus.BLOCKED,
                reason=stopped,
                recorded=None,
                tokens=Tokens(),
                cost_usd=0.0,
                stop_reason="",
            ),
            call(provider="at home", model="qwen3-30b", is_priced=False, cost_usd=0.0),
        )
    ):
        model_call.record(investigation=run, call=replace(one, started_at=began + 20 * number))
    budget = Spend(run)
    budget.reconcile(
        budget.reserve(Estimate(1000, 1000, 0.2)), Tokens(9000, 900), 0.1455, is_turn=True
    )
    place = run.incident.workspace
    ModelProvider.objects.create(
        workspace=place, name="at home", kind="openai", model="qwen3-30b", base_url=LOCAL, rank=1
    )
    ModelProvider.objects.create(
        workspace=place, name="Claude", kind="anthropic", model="claude-opus-5-5", rank=2,
        secret_ref="CLAUDE",
    )  # fmt: skip
