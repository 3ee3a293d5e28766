"""JMESPath over untrusted bodies, with bounds: an expression picks and shapes, and cannot run away.

https://jmespath.org/specification.html. The language has no loops and no way out of the document;
what can still grow is bounded here: the text, the copies it can make of a part, the steps it takes
and the size of every value on the way. Functions of our own there are none.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import jmespath
from jmespath.exceptions import JMESPathError, ParseError
from jmespath.functions import Functions
from jmespath.visitor import Options, TreeInterpreter

from incidents.ingest.alerts import Malformed, clean
from incidents.ingest.fields import Field

MAX_EXPRESSION = 500
MAX_COPIES = 64
MAX_STEPS = 500_000  # of all expressions over one body: about half a second
MAX_LETTERS = 8 * 1024 * 1024
MAX_PARTS = 10_000
WHAT = "a JMESPath expression"
# What a library may raise on values it did not think of, such as the floor of infinity.
_FAILS = (JMESPathError, ArithmeticError, AttributeError, LookupError, RecursionError, TypeError,
          ValueError)  # fmt: skip


class _TooMuch(ValueError):
    pass


@dataclass
class Meter:
    """What the expressions over one body have used so far."""

    steps: int = 0
    letters: int = 0

    def step(self) -> None:
        self.steps += 1
        if self.steps > MAX_STEPS:
            msg = f"expressions that are done after {MAX_STEPS} steps"
            raise _TooMuch(msg)

    def write(self, letters: int) -> None:
        self.letters += letters
        if self.letters > MAX_LETTERS:
            msg = f"expressions that make at most {MAX_LETTERS} letters of text"
            raise _TooMuch(msg)


@dataclass(frozen=True)
class Expression:
    """A checked expression. `text` is how people wrote it, and what complaints name."""

    text: str
    tree: Any

    def find(self, value: Any, *, within: str = "", meter: Meter | None = None) -> Field:
        """What it finds in a document, or in the part of one that `within` names.

        Raises `Malformed` when it fails there, or when it would find more than can be meant.
        """
        path = f"{within}.{self.text}" if within else self.text
        try:
            return Field(path, _Bounded(meter or Meter()).visit(self.tree, value))
        except _TooMuch as error:
            raise Malformed(path, str(error)) from error
        except _FAILS as error:
            said = str(error).partition("\n")[0][:200]
            raise Malformed(path, f"something {WHAT} can work on", clean(said)) from error


def compiled(field: Field) -> Expression:
    """The expression written in this field. Raises `Malformed` at the field, with the position."""
    text = field.text()
    if not text or len(text) > MAX_EXPRESSION:
        field.refuse(f"{WHAT} of at most {MAX_EXPRESSION} letters")
    try:
        tree = jmespath.compile(text).parsed
    except ParseError as error:
        at = getattr(error, "lex_position", None)
        where = "" if at is None else f" at letter {at + 1}"
        raise Malformed(field.path, WHAT, f"{text[:60]!r}, which breaks off{where}") from error
    except (*_FAILS, PendingDeprecationWarning) as error:
        raise Malformed(field.path, WHAT, repr(text[:60])) from error
    _check(tree, field.path)
    return Expression(text, tree)


def _check(tree: Any, path: str) -> None:
    copies = 1
    for node in _nodes(tree):
        if node["type"] == "function_expression" and node["value"] not in Functions.FUNCTION_TABLE:
            raise Malformed(path, WHAT, f"{node['value'][:60]}(), a function it does not have")
        if node["type"].startswith("multi_select"):
            copies *= len(node["children"])
    if copies > MAX_COPIES:
        raise Malformed(path, f"an expression that copies a part at most {MAX_COPIES} times")


def _nodes(tree: Any) -> Iterator[Any]:
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):  # the bounds of a slice are plain numbers
            yield node
            waiting += node.get("children", [])


class _Functions(Functions):
    """The standard ones; text they make is counted, and `join` is asked before it makes any."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter

    def call_function(self, function_name: str, resolved_args: Any) -> Any:
        if function_name == "join":
            glue, parts = (*resolved_args, "", "")[:2]
            if isinstance(glue, str) and isinstance(parts, list):
                self._meter.write(len(glue) * len(parts))
        found = super().call_function(function_name, resolved_args)
        if isinstance(found, str):
            self._meter.write(len(found))
        return found


class _Bounded(TreeInterpreter):
    """Walks the tree of one expression, and stops when it takes too long or finds too much."""

    def __init__(self, meter: Meter) -> None:
        super().__init__(Options(custom_functions=_Functions(meter)))
        self._meter = meter

    def visit(self, node: Any, *args: Any, **kwargs: Any) -> Any:
        self._meter.step()
        found = super().visit(node, *args, **kwargs)
        if isinstance(found, list) and len(found) > MAX_PARTS:
            msg = f"an expression that finds at most {MAX_PARTS} parts"
            raise _TooMuch(msg)
        return found
