"""The audit of the intake: every trap we know of names its tests, and every test named is there."""

import re
from pathlib import Path

import pytest

from incidents.ingest.formats.registry import FORMATS

HERE = Path(__file__).resolve().parent
ROWS = re.findall(
    r"^\| (\w+) \| (.+?) \| (.*) \|$", (HERE / "README.md").read_text("utf-8"), re.MULTILINE
)[1:]


@pytest.fixture(scope="module")
def known() -> set[str]:
    texts = (file.read_text(encoding="utf-8") for file in HERE.parents[1].rglob("test_*.py"))
    return {name for text in texts for name in re.findall(r"^def (test_\w+)", text, re.MULTILINE)}


@pytest.mark.parametrize(("kind", "trap", "tests"), ROWS)
def test_the_tests_that_hold_a_trap_are_there(
    kind: str, trap: str, tests: str, known: set[str]
) -> None:
    named = set(re.findall(r"`(test_\w+)`", tests))
    assert named, f"{kind}: nothing holds {trap}"
    assert not named - known


def test_every_format_has_traps() -> None:
    assert {kind for kind, _, _ in ROWS} == {"every", *FORMATS}
