"""What every source of changes promises."""

from analysis.types import EventSource
from tests.contract.connectors.conftest import Backend, on

pytestmark = on("changes", "kubernetes")


def source_of(backend: Backend) -> EventSource:
    source = backend.source()
    assert isinstance(source, EventSource)
    return source


def test_check_tells_what_was_found(backend: Backend) -> None:
    assert "answers: " in source_of(backend).check()


def test_changes_come_oldest_first_with_what_they_changed(backend: Backend) -> None:
    found = source_of(backend).changes(start=backend.start, end=backend.end)
    assert any(change.kind == "deploy" and change.after for change in found)
    assert [change.at for change in found] == sorted(change.at for change in found)
    assert all(change.id and change.service and change.title for change in found)


def test_nothing_in_an_empty_range(backend: Backend) -> None:
    assert source_of(backend).changes(start=1000.0, end=1001.0) == []
