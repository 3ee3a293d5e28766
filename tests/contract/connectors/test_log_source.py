"""What every log source promises."""

from analysis.types import LogSource
from tests.contract.connectors.conftest import Backend, on

pytestmark = on("loki", "elasticsearch", "logfiles")


def source_of(backend: Backend) -> LogSource:
    source = backend.source()
    assert isinstance(source, LogSource)
    return source


def test_check_tells_what_was_found(backend: Backend) -> None:
    assert "services" in source_of(backend).check()


def test_lines_come_oldest_first_from_within_the_range(backend: Backend) -> None:
    found = source_of(backend).lines(start=backend.start, end=backend.end)
    assert found
    assert [line.at for line in found] == sorted(line.at for line in found)
    assert all(backend.start <= line.at < backend.end for line in found)
    assert all(line.service and line.level and line.message for line in found)


def test_one_service_can_be_asked_for(backend: Backend) -> None:
    found = source_of(backend).lines(start=backend.start, end=backend.end, service="payments")
    assert {line.service for line in found} == {"payments"}


def test_a_limit_keeps_the_newest(backend: Backend) -> None:
    source = source_of(backend)
    everything = source.lines(start=backend.start, end=backend.end, service="payments")
    few = source.lines(start=backend.start, end=backend.end, service="payments", limit=5)
    assert [line.at for line in few] == [line.at for line in everything[-5:]]


def test_fields_of_a_json_line_are_read(backend: Backend) -> None:
    found = source_of(backend).lines(start=backend.start, end=backend.end, service="payments")
    assert not any(line.message.startswith("{") for line in found)
    assert any(line.trace_id for line in found)
    assert all(line.instance for line in found)


def test_nothing_in_an_empty_range(backend: Backend) -> None:
    assert source_of(backend).lines(start=1000.0, end=1001.0) == []
