"""The order in which models are asked. A stage that one cannot finish starts anew with the next.

The ledger, the rivals and the claims are kept, so a restart costs tokens and no load on sources.
When no model is left the stage has no answer, and what needs none, the offline reasoner, goes on.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

from analysis.reasoning.reasoners.breaker import Breakers
from analysis.reasoning.talk import Model, ReasonerError, Refused, Rejected, Unavailable
from analysis.types import OnProgress, Progress, ProgressKind

T = TypeVar("T")
OFFLINE = "offline"
Attempt = Callable[[Model, bool], T]  # the model, and whether it sees only what code computed


class Chain:
    """The models of one investigation. `notes` say who gave up and why, for people."""

    def __init__(
        self, models: Sequence[Model], *, breakers: Breakers, on_progress: OnProgress
    ) -> None:
        self._left = list(models)
        self._breakers, self._tell = breakers, on_progress
        self._is_plain = False  # once refused, others' words stay out
        self.notes: list[str] = []
        self.last = OFFLINE  # the name of the model that was asked last

    @property
    def is_empty(self) -> bool:
        return not self._left

    def run(self, attempt: Attempt[T]) -> T | None:
        """What the first model that can finish makes of it; None when none can.

        Raises whatever is not a `ReasonerError`: a cancel, an end of the budget.
        """
        while self._left:
            model = self._left[0]
            breaker = self._breakers.of(model.circuit)
            if not breaker.admits():
                self._drop(model, "it failed too often within a minute")
                continue
            self.last = model.name
            try:
                made = self._tried(model, attempt)
            except Unavailable as error:
                breaker.failed()
                self._drop(model, str(error))
            except ReasonerError as error:
                breaker.succeeded()  # it answers, if not as we need it
                self._drop(model, str(error), is_for_admin=isinstance(error, Rejected))
            else:
                breaker.succeeded()
                return made
        return None

    def _tried(self, model: Model, attempt: Attempt[T]) -> T:
        """Once, and after a refusal once more without what others wrote."""
        try:
            return attempt(model, self._is_plain)
        except Refused as refusal:
            self._tell(Progress(ProgressKind.REFUSAL, str(refusal), {"reasoner": model.name}))
            if self._is_plain:
                raise
            self._is_plain = True
            self.notes.append(f"{model.name}: {refusal}; asked again without log lines and titles")
            return attempt(model, self._is_plain)

    def _drop(self, model: Model, why: str, *, is_for_admin: bool = False) -> None:
        self._left.remove(model)
        after = self._left[0].name if self._left else OFFLINE
        text = f"{model.name} gave up ({why}); {after} took over"
        if is_for_admin:
            text = f"{text}. An administrator has to look at this provider"
        self.notes.append(text)
        payload = {"from": model.name, "to": after, "why": why, "is_for_admin": is_for_admin}
        self._tell(Progress(ProgressKind.PROVIDER_SWITCHED, text, payload))
