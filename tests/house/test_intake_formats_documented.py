"""The reference of intake formats says what the registry, the scale and the engine say."""

from pathlib import Path

from incidents.ingest import expressions, fields, mapping
from incidents.ingest.formats import changes, cloudwatch, datadog
from incidents.ingest.formats.registry import FORMATS, Format
from incidents.ingest.severity import severity_of, severity_of_number, words_of
from incidents.lifecycle import Severity

PAGE = Path(__file__).resolve().parents[2] / "docs/reference/intake-formats.md"


def format_row(known: Format) -> str:
    brings = ["alerts"] * known.has_alerts + ["changes"] * known.has_changes
    kept = ", ".join(f"`{name}`" for name in sorted(known.headers)) or "none"
    docs = f"<{known.docs}>" if known.docs.startswith("https://") else "below"
    return f"| {known.kind} | {known.label} | {' and '.join(brings)} | {kept} | {docs} |"


def severity_row(severity: Severity) -> str:
    numbers = [n for n in range(1, 25) if severity_of_number(n) == severity]
    span = f"{numbers[0]}–{numbers[-1]}" if numbers else ""
    return f"| {severity} | {', '.join(words_of(severity))} | {span} |"


def rows() -> str:
    """What the page has to hold, to be pasted there when a test says so."""
    return "\n".join([*map(format_row, FORMATS.values()), *map(severity_row, Severity)])


def test_every_format_and_every_severity_has_its_row() -> None:
    page = PAGE.read_text(encoding="utf-8").splitlines()
    missing = [row for row in rows().splitlines() if row not in page]
    assert not missing, "write into the page:\n" + "\n".join(missing)


def test_every_format_says_what_makes_a_delivery_and_an_alert_the_same() -> None:
    page = PAGE.read_text(encoding="utf-8")
    _, _, below = page.partition("## Two identities")
    told = [line.split("|")[1].strip() for line in below.splitlines() if line.startswith("| ")]
    assert told[1 : len(FORMATS) + 1] == list(FORMATS)


def test_the_template_and_every_name_of_a_mapping_are_shown() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert datadog.TEMPLATE in page
    assert [name for name in (*mapping.FIELDS, *mapping.EXTRAS) if f"`{name}`" not in page] == []
    assert ", ".join(mapping.RESOLVE_STATES) in page


def test_the_limits_are_the_real_ones() -> None:
    page = " ".join(PAGE.read_text(encoding="utf-8").split())
    for limit in (
        f"at most {expressions.MAX_EXPRESSION} letters",
        f"{expressions.MAX_STEPS:,} steps",
        f"{expressions.MAX_LETTERS // 1024**2} MiB of text",
        f"lists of {expressions.MAX_PARTS:,} parts",
        f"{expressions.MAX_COPIES} copies",
        f"deeper than {fields.MAX_DEPTH} levels",
        f"at most {mapping.MAX_ITEMS:,}; the others",
        f"with at most {changes.MAX_CHANGES:,}",
    ):
        assert limit in page, limit


def test_the_words_that_a_name_may_tell_severity_by_are_listed() -> None:
    page = " ".join(PAGE.read_text(encoding="utf-8").split())
    assert f"one of the words {', '.join(sorted(cloudwatch.TELLING))} in its name" in page
    assert all(severity_of(word)[1] for word in cloudwatch.TELLING)
