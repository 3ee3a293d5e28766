"""The search for a cause: rivals, targeted queries, claims, until code or the model says enough."""

from collections.abc import Sequence

from analysis.reasoning import prompts, writing
from analysis.reasoning.answer import Answer
from analysis.reasoning.claims import operands_help
from analysis.reasoning.limits import Ended
from analysis.reasoning.reasoners.dialogue import Dialogue, Room
from analysis.reasoning.settle import settle
from analysis.reasoning.showing import Showing, dumped
from analysis.reasoning.talk import Model, ReasonerError, Stop, ToolAnswer, ToolCall, ToolSpec
from analysis.reasoning.toolbox import CATALOGUE, refusal
from analysis.types import HypothesisState

STAGE = "Testing hypotheses"
READ_SPECS: tuple[ToolSpec, ...] = tuple(
    ToolSpec(tool.name, tool.about, tool.schema()) for tool in CATALOGUE
)
SPECS: tuple[ToolSpec, ...] = tuple(
    sorted((*READ_SPECS, *writing.SPECS), key=lambda spec: spec.name)
)
_OVER = frozenset({HypothesisState.SUPPORTED, HypothesisState.REFUTED})
_MAX_CUT_OFF = 2


def investigate_with(model: Model, room: Room, *, plain: bool) -> Ended:
    """One conversation over the ledger of the bench; rivals and claims end up there.

    `plain` leaves out what others wrote. A model without tools ranks what was collected. Raises
    `ReasonerError` when the model gave nothing to settle.
    """
    search = _Search(model, room, plain=plain)
    ended = search.run() if model.capabilities.tools else Ended.CONCLUDED
    if ended is Ended.MONEY or ended is Ended.TIME or search.desk.is_concluded:
        return ended
    if ended is Ended.CONCLUDED or not room.bench.has_argued():
        search.answer()
    return ended


class _Search:
    def __init__(self, model: Model, room: Room, *, plain: bool) -> None:
        self._model, self._room = model, room
        self._show = Showing(room.bench, room.gate.visible, plain=plain)
        self.desk = writing.Desk(room.bench, self._show.why)
        tools = SPECS if model.capabilities.tools else ()
        self._talk = Dialogue(room, model, stage=STAGE, system=prompts.SYSTEM, tools=tools)
        self._talk.say(self._show.opening())
        if tools:
            self._talk.say(prompts.CLAIMS.format(operands=dumped(operands_help())))
        self._idle = 0  # turns in a row without a new fact, rival or claim
        self._cut_off = 0
        self._is_told_to_conclude = False
        room.bench.new_facts()

    def run(self) -> Ended:
        """Turns with tools. What ends it is the model's word, or a limit."""
        while True:
            ended = self._ended()
            if ended is not None:
                return ended
            self._hurry()
            turn = self._talk.turn()
            match turn.stop:
                case Stop.TOOLS:
                    before = self.desk.written
                    self._talk.answer(self._run(turn.calls))
                    is_new = self._room.bench.new_facts() > 0 or self.desk.written > before
                    self._idle = 0 if is_new else self._idle + 1
                case Stop.DONE:
                    return Ended.CONCLUDED
                case Stop.LENGTH:
                    self._cut_off += 1
                    if self._cut_off >= _MAX_CUT_OFF:
                        msg = "it ran out of tokens in the middle of an answer, twice"
                        raise ReasonerError(msg)
                    self._talk.say(prompts.BRIEFER)
                case Stop.PAUSED:
                    continue

    def _ended(self) -> Ended | None:
        meter = self._room.meter
        limits = meter.limits
        if self.desk.is_concluded:
            return Ended.CONCLUDED
        spent = meter.ended(share=1.0 - limits.refute_share)
        if spent is not None:
            return spent
        if self._talk.turns >= self._model.max_turns:
            return Ended.TURNS
        if self._idle > limits.stalled_turns:
            return Ended.STALLED
        return Ended.ALL_SETTLED if self._are_all_settled() else None

    def _are_all_settled(self) -> bool:
        bench = self._room.bench
        found = settle(bench.candidates(), bench.ledger, is_offline=False, was_refuted=True)
        states = [h.state for h in found.hypotheses]
        return len(states) > 1 and len(states) == len(bench.rivals) and set(states) <= _OVER

    def _hurry(self) -> None:
        """Tell the model once that it has to come to an end, and why."""
        limits = self._room.meter.limits
        share = (1.0 - limits.refute_share) * limits.conclude_at
        is_late = self._room.meter.ended(share=share) is not None
        last = self._model.max_turns
        is_late = is_late or self._talk.turns >= min(last * limits.conclude_at, last - 1)
        is_idle = self._idle >= limits.stalled_turns
        if (is_late or is_idle) and not self._is_told_to_conclude:
            self._is_told_to_conclude = True
            self._talk.steer(prompts.CONCLUDE if is_late else prompts.STALLED)

    def _run(self, calls: Sequence[ToolCall]) -> list[ToolAnswer]:
        """All calls of a turn: writing ones in their order, reading ones side by side."""
        told: dict[str, ToolAnswer] = {}
        reading: list[ToolCall] = []
        for call in calls:
            if call.name in writing.NAMES:
                text, is_error = self.desk.write(call.name, call.arguments)
                told[call.id] = ToolAnswer(call.id, text, is_error)
                continue
            refused = self._refused(call, len(reading))
            if refused:
                told[call.id] = ToolAnswer(call.id, refused, is_error=True)
            else:
                reading.append(call)
        told |= self._read(reading)
        return [told[call.id] for call in calls]

    def _refused(self, call: ToolCall, waiting: int) -> str:
        bench = self._room.bench
        if call.arguments is None:
            return "the arguments are no JSON object"
        wrong = refusal(call.name, call.arguments, bench.ctx.services)
        if wrong:
            return wrong
        if bench.has_run(call.name, call.arguments):
            return ""
        if call.arguments and not bench.rivals:
            return prompts.RIVALS_FIRST
        meter = self._room.meter
        left = meter.calls_left(share=1.0 - meter.limits.refute_share)
        return "" if left > waiting else prompts.NO_CALLS

    def _read(self, calls: Sequence[ToolCall]) -> dict[str, ToolAnswer]:
        bench = self._room.bench
        wanted = [(call.name, dict(call.arguments or {})) for call in calls]
        known = [bench.has_run(*one) for one in wanted]
        self._room.meter.tool_calls += known.count(False)
        entries = bench.run(wanted)
        return {
            call.id: ToolAnswer(
                call.id,
                f"already E{entry.seq}" if was else self._show.entry(entry),
            )
            for call, entry, was in zip(calls, entries, known, strict=True)
        }

    def answer(self) -> None:
        """The whole answer at once, in a schema: where no tool was called to give it."""
        question = prompts.ANSWER.format(operands=dumped(operands_help()))
        self.desk.adopt(self._talk.ask(Answer, question))
