"""Every AIRRA_* variable the code reads is documented, with its default, and nothing else is."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("airra", "incidents", "analysis", "remediation")
READERS = {"text", "secret", "integer", "number", "boolean", "words", "database", "one_of"}
MAY_BE_A_FILE = {"secret", "database"}
# Where compose says it itself, asks for it under another name, or has no use for it.
NOT_IN_COMPOSE = {
    "AIRRA_VAR_DIR",  # set in the image
    "AIRRA_HOST",  # of the one-process mode
    "AIRRA_PORT",
    "AIRRA_EMBEDDED",
    "AIRRA_SECRET_<NAME>",  # from secrets/*/.env
    "AIRRA_DEMO_TOKEN_<NAME>",  # of `make demo`
}


@dataclass(frozen=True)
class Read:
    """One place that reads a variable; `default` is None when it is computed or missing."""

    name: str
    reader: str
    default: str | None


def _name(node: ast.expr) -> str:
    """`AIRRA_X`, or `AIRRA_X_<NAME>` for an f-string; empty for anything else."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        found = node.value
    elif isinstance(node, ast.JoinedStr):
        found = "".join(
            str(p.value) if isinstance(p, ast.Constant) else "<NAME>" for p in node.values
        )
    else:
        return ""
    return found if found.startswith("AIRRA_") else ""


def _default(call: ast.Call) -> str | None:
    given = [k.value for k in call.keywords if k.arg == "default"] or call.args[1:2]
    if not given or not isinstance(given[0], ast.Constant):
        return None
    value = given[0].value
    return str(value).lower() if isinstance(value, bool) else str(value)


def _reads_of(path: Path) -> Iterator[Read]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        reader = (
            node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        )
        name = _name(node.args[0])
        if name and reader in READERS:
            yield Read(name, reader, _default(node))


@cache
def reads() -> list[Read]:
    """Every one of the whole code, which takes a second to read."""
    paths = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    return [read for path in paths for read in _reads_of(path)]


def in_example() -> dict[str, str]:
    """Each variable of .env.example with its value, commented out or not."""
    text = (ROOT / ".env.example").read_text(encoding="utf-8")
    return dict(re.findall(r"^(?:# )?(AIRRA_[A-Z_]+(?:<NAME>)?)=(.*)$", text, re.MULTILINE))


def in_reference() -> dict[str, tuple[str, str]]:
    """Each row of settings.md: its default and whether a file may hold it."""
    text = (ROOT / "docs/reference/settings.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(AIRRA_[A-Z_]+(?:<NAME>)?)` \| (.*?) \| (.*?) \|", text, re.MULTILINE)
    return {name: (default.strip().strip("`"), file.strip()) for name, default, file in rows}


def test_the_scan_finds_readers_of_each_kind() -> None:
    found = {read.reader for read in reads()}
    assert found == READERS


def test_every_variable_is_in_the_example_and_nothing_else() -> None:
    assert set(in_example()) == {read.name for read in reads()}


def test_every_variable_is_in_the_reference_and_nothing_else() -> None:
    assert set(in_reference()) == {read.name for read in reads()}


def test_the_example_tells_the_defaults_of_the_code() -> None:
    told = in_example()
    wrong = {
        r.name: (told[r.name], r.default) for r in reads() if r.default not in {None, told[r.name]}
    }
    assert wrong == {}


def test_the_reference_tells_the_defaults_of_the_code() -> None:
    told = in_reference()
    known = [r for r in reads() if r.default]
    wrong = {r.name: (told[r.name][0], r.default) for r in known if told[r.name][0] != r.default}
    assert wrong == {}


def test_the_reference_tells_what_a_file_may_hold() -> None:
    told = {name for name, (_, file) in in_reference().items() if file == "yes"}
    assert told == {read.name for read in reads() if read.reader in MAY_BE_A_FILE}


def test_the_example_explains_each_variable_above_it() -> None:
    lines = (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
    for above, line in pairwise(lines):
        if re.match(r"(# )?[A-Z_]+(<NAME>)?=", line):
            assert re.match(r"# [^-=]", above), f"{line}: no comment above it"
            assert not re.match(r"(# )?[A-Z_]+=", above), f"{line}: no comment above it"


def test_compose_passes_on_every_variable() -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    passed = {
        key
        for service in compose["services"].values()
        for key in service.get("environment", {})
        if key.startswith("AIRRA_") and key != "AIRRA_SECRET_LAB_CONTROL"
    }
    assert passed == {read.name for read in reads()} - NOT_IN_COMPOSE
