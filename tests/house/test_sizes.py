"""Files stay small, exceptions to the linters give their rule, and no private place is named."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MAX_LINES = 400
SOURCES = {".py", ".html", ".css", ".js"}
NOT_OURS = ("static/vendor/", "tests/e2e/vendor/")
GENERATED = ("/migrations/",)
TEXTS = SOURCES | {
    ".md", ".toml", ".yml", ".yaml", ".json", ".sh", ".txt", ".lock", ".cfg", ".ini", ".conf",
}  # fmt: skip
WITHOUT_SUFFIX = {"Makefile", "Dockerfile", ".gitignore", ".dockerignore", ".env.example"}

BARE_NOQA = re.compile(r"#\s*noqa(?!:\s*[A-Z]+[0-9]+)", re.IGNORECASE)
BARE_IGNORE = re.compile(r"#\s*type:\s*ignore(?!\[[a-z-]+(,\s*[a-z-]+)*\])")
# Written in two parts, so that this file does not name them.
PRIVATE = re.compile(
    "|".join(
        (
            "/" + r"work/(main|shared|\.)",
            "artifact" + r"ory",
            "nexus" + r"\.[a-z]",
            r"index[-_]url\s*=?\s*https?:" + "//",
            "registry" + r"\.(npmjs|yarnpkg)\.",
        )
    )
)


def tracked() -> list[Path]:
    """Every file of the repository that is still there."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    found = [Path(name) for name in listed.stdout.split("\0") if name]
    assert len(found) > 100, "git lists the repository"
    return [path for path in found if (ROOT / path).is_file()]


def ours(suffixes: set[str]) -> list[Path]:
    return [
        path
        for path in tracked()
        if path.suffix in suffixes and not path.as_posix().startswith(NOT_OURS)
    ]


def read(path: Path) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def test_no_file_is_longer_than_can_be_read_at_once() -> None:
    sizes = {
        path.as_posix(): read(path).count("\n")
        for path in ours(SOURCES)
        if not any(part in path.as_posix() for part in GENERATED)
    }
    assert {name: lines for name, lines in sizes.items() if lines > MAX_LINES} == {}


@pytest.mark.parametrize("bare", [BARE_NOQA, BARE_IGNORE], ids=["noqa", "type-ignore"])
def test_an_exception_to_a_linter_names_its_rule(bare: re.Pattern[str]) -> None:
    found = [
        f"{path}:{number}"
        for path in ours({".py"})
        for number, line in enumerate(read(path).splitlines(), 1)
        if path.name != Path(__file__).name and bare.search(line)
    ]
    assert found == []


@pytest.mark.parametrize(
    ("line", "is_bare"),
    [
        ("x = 1  # noqa", True),
        ("x = 1  # noqa - because", True),
        ("x = 1  # NOQA", True),
        ("x = 1  # noqa: E501", False),
        ("x = 1  # noqa: BLE001 - the answer names it", False),
        ("x = 1  # type: ignore", True),
        ("x = 1  # type: ignore[attr-defined]  # ninja puts it there", False),
    ],
)
def test_what_counts_as_bare(line: str, is_bare: bool) -> None:
    assert bool(BARE_NOQA.search(line) or BARE_IGNORE.search(line)) is is_bare


def test_no_file_names_a_private_place_or_a_registry() -> None:
    texts = [p for p in tracked() if p.suffix in TEXTS or p.name in WITHOUT_SUFFIX]
    found = [
        f"{path}:{number}: {match[0]}"
        for path in texts
        if not path.as_posix().startswith(NOT_OURS)
        for number, line in enumerate(read(path).splitlines(), 1)
        if (match := PRIVATE.search(line))
    ]
    assert found == []
