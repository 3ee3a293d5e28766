"""What a template may not do, because of what senders may have named."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_no_template_asks_a_mapping_for_its_items() -> None:
    """A template looks a key up first, and senders may name a label, or a field, "items"."""
    asks = re.compile(r"[\w.]+\.(items|keys|values)\b(?!\s*\()")
    found = [
        f"{path.relative_to(ROOT)}: {tag}"
        for path in (ROOT / "templates").rglob("*.html")
        for tag in re.findall(r"{[%{].*?[%}]}", path.read_text())
        if asks.search(tag)
    ]
    assert not found, "use the filter pairs"
