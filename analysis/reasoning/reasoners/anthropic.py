"""The Claude reasoner: asks for more evidence with read tools, then answers in a schema.

Over the vendor's own SDK, with its own retries and no others. Whatever goes wrong ends as
`ReasonerError`, and the offline reasoner takes over from the same ledger: no conclusion is ever
read out of an empty answer. The vendor's Messages API reference says what holds for current models:
adaptive thinking, no forced tools, no sampling parameters, blocks handed back unchanged.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal, cast

import anthropic
from anthropic.types import Message, MessageParam, ToolParam, ToolResultBlockParam, ToolUseBlock
from pydantic import ValidationError

from airra.lib.redact import redact
from analysis.reasoning import prompts
from analysis.reasoning.answer import Answer, drafts_of
from analysis.reasoning.claims import operands_help
from analysis.reasoning.gate import Gate, Stopped
from analysis.reasoning.ledger import Ledger
from analysis.reasoning.reasoners.base import Proposal, ReasonerError, RunTool
from analysis.types import (
    Call,
    CallStatus,
    IncidentContext,
    LedgerEntry,
    ProviderConfig,
    ProviderKind,
)

MAX_TOKENS = 8000
MAX_RESULT = 8000  # characters of one tool result
_TIMEOUT_S = 120.0
Effort = Literal["low", "medium", "high", "xhigh", "max"]

_ABOUT = {
    "get_topology": "Who calls whom, and when each edge was last seen.",
    "list_changes": "Deploys, configuration changes and flags of the last hour.",
    "get_onsets": "Which signals of which services shifted, when and how far; which stayed steady.",
    "get_resource_state": "Restarts, memory, disk and replicas as the platform reports them.",
    "search_logs": "Log templates of a service that are new or surged.",
    "get_traces": "Calls of a service that became slow or fail, before and during.",
}
_SERVICE = {"type": "string", "description": "A service of this incident; leave out for all."}
TOOLS: list[ToolParam] = [
    {
        "name": name,
        "description": about,
        "input_schema": {"type": "object", "properties": {"service": _SERVICE}},
    }
    for name, about in sorted(_ABOUT.items())
]


class AnthropicReasoner:
    is_offline = False
    prompt_version = prompts.VERSION

    def __init__(
        self, *, api_key: str, base_url: str, model: str, effort: str, max_turns: int
    ) -> None:
        self.name = f"anthropic:{model}"[:60]
        self._model, self._effort, self._max_turns = model, cast("Effort", effort), max_turns
        provider = ProviderConfig(
            self.name, ProviderKind.ANTHROPIC, model, effort, api_key, base_url
        )
        self._calls = 0
        self._gate = Gate(on_call=self._count)
        self._client = anthropic.Anthropic(
            api_key=api_key,
            base_url=base_url or None,
            timeout=_TIMEOUT_S,
            http_client=self._gate.http_client(
                provider, sdk=f"anthropic {anthropic.__version__}", prompt_version=prompts.VERSION
            ),
        )

    def _count(self, call: Call) -> None:
        self._calls += call.status is not CallStatus.BLOCKED

    def propose(self, ctx: IncidentContext, ledger: Ledger, run_tool: RunTool) -> Proposal:
        """Rivals in the model's order. Raises `ReasonerError` when it gave none we can use."""
        talk = _Talk(ctx, ledger, run_tool)
        try:
            with self._gate.guard():
                while self._turn(talk):
                    pass
                answer = self._answer(talk)
        except (anthropic.APIError, Stopped) as error:
            raise ReasonerError(_why(error)) from error
        return Proposal(drafts_of(answer, talk.ledger), {**talk.usage, "calls": self._calls})

    def _ask(self, talk: "_Talk", **more: Any) -> Message:
        message: Message = self._client.messages.create(
            model=self._model,
            max_tokens=MAX_TOKENS,
            system=[
                {"type": "text", "text": prompts.SYSTEM, "cache_control": {"type": "ephemeral"}}
            ],
            messages=talk.messages,
            tools=TOOLS,
            thinking={"type": "adaptive", "display": "summarized"},
            **more,
        )
        talk.count(message)
        return message

    def _turn(self, talk: "_Talk") -> bool:
        """One answer of the model; True while it wants to look further."""
        if talk.turns >= self._max_turns:
            return False
        message = self._ask(talk, output_config={"effort": self._effort})
        talk.heard(message)
        calls = [block for block in message.content if isinstance(block, ToolUseBlock)]
        match message.stop_reason:
            case "tool_use" if calls:
                talk.told([talk.run(call) for call in calls])
                return True
            case "pause_turn":
                return True
            case "end_turn" | "stop_sequence":
                return False
            case other:
                raise ReasonerError(_STOPPED.get(str(other), f"it stopped with {other!r}"))

    def _answer(self, talk: "_Talk") -> Answer:
        """The hypotheses, by schema; one repair, then this reasoner gives up."""
        talk.asked(prompts.ANSWER.format(operands=json.dumps(operands_help(), sort_keys=True)))
        schema = anthropic.transform_schema(Answer)
        for _ in range(2):
            message = self._ask(
                talk,
                output_config={
                    "effort": self._effort,
                    "format": {"type": "json_schema", "schema": schema},
                },
            )
            talk.heard(message)
            if message.stop_reason != "end_turn":
                raise ReasonerError(
                    _STOPPED.get(str(message.stop_reason), "it did not finish its answer")
                )
            text = "".join(block.text for block in message.content if block.type == "text")
            try:
                return Answer.model_validate_json(text)
            except ValidationError as error:
                talk.asked(prompts.REPAIR.format(error=str(error)[:500]))
        msg = "its answer did not fit the schema, twice"
        raise ReasonerError(msg)


_STOPPED = {
    "max_tokens": "it ran out of tokens in the middle of an answer",
    "refusal": "it declined to answer",
    "model_context_window_exceeded": "the evidence did not fit into its context",
    "tool_use": "it asked for more evidence instead of answering",
}


def _why(error: Exception) -> str:
    if isinstance(error, anthropic.APIStatusError):
        return f"the API answered {error.status_code}"
    return redact(str(error))[:200] or type(error).__name__


class _Talk:
    """The conversation so far, the ledger as it grows, and what it cost."""

    def __init__(self, ctx: IncidentContext, ledger: Ledger, run_tool: RunTool) -> None:
        self._run_tool = run_tool
        self._entries = {entry.seq: entry for entry in ledger.entries}
        self._services = set(ctx.services)
        self.turns = 0
        self.usage: dict[str, int] = {}
        self.messages: list[MessageParam] = []
        self.asked(_opening(ctx, ledger))

    @property
    def ledger(self) -> Ledger:
        return Ledger(tuple(entry for _, entry in sorted(self._entries.items())))

    def count(self, message: Message) -> None:
        self.turns += 1
        told = {
            "input_tokens": message.usage.input_tokens,
            "output_tokens": message.usage.output_tokens,
            "cache_read_tokens": message.usage.cache_read_input_tokens or 0,
            "turns": 1,
        }
        for name, number in told.items():
            self.usage[name] = self.usage.get(name, 0) + number

    def heard(self, message: Message) -> None:
        """Its blocks go back unchanged: thinking is bound to the conversation."""
        blocks = [block.model_dump(mode="json", exclude_none=True) for block in message.content]
        if blocks:
            self.messages.append({"role": "assistant", "content": cast("Any", blocks)})

    def asked(self, text: str) -> None:
        self.messages.append({"role": "user", "content": text})

    def told(self, results: Sequence[ToolResultBlockParam]) -> None:
        """All results of one turn in one message."""
        self.messages.append({"role": "user", "content": list(results)})

    def run(self, call: ToolUseBlock) -> ToolResultBlockParam:
        """A tool of ours with arguments we know; anything else is told back as an error."""
        service = str((call.input or {}).get("service", ""))
        if call.name not in _ABOUT:
            return _result(call, f"there is no tool {call.name!r}", is_error=True)
        if service and service not in self._services:
            known = ", ".join(sorted(self._services))
            return _result(call, f"unknown service; known: {known}", is_error=True)
        arguments = {"service": service} if service else {}
        entry = self._run_tool(call.name, arguments)
        self._entries[entry.seq] = entry
        return _result(call, _shown(entry))


def _result(call: ToolUseBlock, text: str, *, is_error: bool = False) -> ToolResultBlockParam:
    return {
        "type": "tool_result",
        "tool_use_id": call.id,
        "content": redact(text)[:MAX_RESULT],
        "is_error": is_error,
    }


def _shown(entry: LedgerEntry) -> str:
    """A ledger entry as JSON text: the facts that claims are checked against, then the view."""
    draft = entry.draft
    facts: list[Mapping[str, Any]] = [fact.to_json() for fact in draft.facts]
    head = {
        "evidence": entry.seq,
        "tool": draft.tool,
        "arguments": dict(draft.arguments),
        "status": str(draft.status),
        "coverage": draft.coverage,
        "summary": draft.summary,
        "facts": facts[:60],
    }
    return json.dumps(head, sort_keys=True, default=str)


def _opening(ctx: IncidentContext, ledger: Ledger) -> str:
    """The incident and the ledger so far. Titles are others' words, so they come as JSON."""
    incident = {
        "incident": ctx.key,
        "title": ctx.title,
        "service": ctx.service,
        "severity": ctx.severity,
        "started_at": ctx.started_at,
        "now": ctx.now,
        "services": list(ctx.services),
    }
    entries = "\n".join(redact(_shown(entry))[:MAX_RESULT] for entry in ledger.entries)
    return f"{redact(json.dumps(incident, sort_keys=True))}\n\nLedger:\n{entries}"
