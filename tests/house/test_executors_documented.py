"""The reference of executors is made of what they guarantee and are tested on."""

from pathlib import Path

from remediation.execution import registry
from tools import executors

PAGE = Path(__file__).resolve().parents[2] / "docs/reference/executors.md"


def test_the_page_of_executors_is_the_codes() -> None:
    assert PAGE.read_text(encoding="utf-8") == executors.page(), (
        "write it anew: python -m tools.executors > docs/reference/executors.md"
    )


def test_every_kind_has_a_target_and_says_what_it_is() -> None:
    for kind in registry.KINDS:
        assert executors.row(kind)[1]
        assert executors.said_of(kind)
