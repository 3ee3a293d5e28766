"""The parts of a PromQL expression."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

MatchTest = Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class Matcher:
    label: str
    op: str
    value: str

    def test(self) -> MatchTest:
        """A test of one label value. Raises re.error for a bad pattern."""
        if self.op in {"=", "!="}:
            return lambda text: (text == self.value) is (self.op == "=")
        pattern = re.compile(self.value)
        return lambda text: (pattern.fullmatch(text) is not None) is (self.op == "=~")


@dataclass(frozen=True, slots=True)
class Number:
    value: float


@dataclass(frozen=True, slots=True)
class Selector:
    """An instant vector selector, or with `range_ms` a range vector selector."""

    name: str
    matchers: tuple[Matcher, ...]
    range_ms: int = 0
    offset_ms: int = 0


@dataclass(frozen=True, slots=True)
class Call:
    function: str
    arguments: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Aggregate:
    op: str
    inner: "Node"
    labels: tuple[str, ...] = ()
    is_without: bool = False


@dataclass(frozen=True, slots=True)
class Binary:
    """`labels` with `is_on` are the matching labels; without it they are the ignored ones."""

    op: str
    left: "Node"
    right: "Node"
    labels: tuple[str, ...] = ()
    is_on: bool = False
    is_bool: bool = False


Node = Number | Selector | Call | Aggregate | Binary

AGGREGATIONS: Final = frozenset({"sum", "avg", "max", "min", "count"})
COMPARISONS: Final = frozenset({"==", "!=", ">", "<", ">=", "<="})
SETS: Final = frozenset({"and", "or", "unless"})
SCALAR, VECTOR, RANGE = "scalar", "instant vector", "range vector"

# What each function takes; all of them return an instant vector, but `time`.
FUNCTIONS: Final[dict[str, tuple[str, ...]]] = {
    "rate": (RANGE,), "increase": (RANGE,), "delta": (RANGE,), "irate": (RANGE,),
    "avg_over_time": (RANGE,), "max_over_time": (RANGE,), "min_over_time": (RANGE,),
    "sum_over_time": (RANGE,), "count_over_time": (RANGE,), "last_over_time": (RANGE,),
    "changes": (RANGE,), "resets": (RANGE,),
    "histogram_quantile": (SCALAR, VECTOR),
    "clamp_min": (VECTOR, SCALAR), "clamp_max": (VECTOR, SCALAR),
    "abs": (VECTOR,), "vector": (SCALAR,), "time": (),
}  # fmt: skip


def type_of(node: Node) -> str:
    """The value type of an expression, as Prometheus names it."""
    match node:
        case Number():
            return SCALAR
        case Selector(range_ms=length):
            return RANGE if length else VECTOR
        case Call(function=name):
            return SCALAR if name == "time" else VECTOR
        case Binary(left=left, right=right):
            return SCALAR if {type_of(left), type_of(right)} == {SCALAR} else VECTOR
        case Aggregate():
            return VECTOR
