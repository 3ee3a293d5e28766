"""What every trace source promises."""

from analysis.perception.spans import compare
from analysis.types import TraceSource
from tests.contract.connectors.conftest import Backend, on

pytestmark = on("jaeger", "tempo")


def source_of(backend: Backend) -> TraceSource:
    source = backend.source()
    assert isinstance(source, TraceSource)
    return source


def test_check_tells_what_was_found(backend: Backend) -> None:
    assert "services" in source_of(backend).check()


def test_services_are_named(backend: Backend) -> None:
    assert {"gateway", "payments"} <= set(source_of(backend).services())


def test_spans_come_as_whole_traces(backend: Backend) -> None:
    found = source_of(backend).spans("payments", start=backend.start, end=backend.end)
    known = {(span.trace_id, span.span_id) for span in found}
    children = [span for span in found if span.parent_id]
    assert children
    assert sum((s.trace_id, s.parent_id) in known for s in children) >= 0.9 * len(children)
    assert {"client", "server"} <= {span.kind for span in found}
    assert all(0 <= span.duration_s < 60 for span in found)


def test_edges_can_be_learnt_from_them(backend: Backend) -> None:
    found = source_of(backend).spans("payments", start=backend.start, end=backend.end)
    callers = {edge.src for edge in compare(found, split=backend.end) if edge.dst == "payments"}
    assert callers


def test_nothing_in_an_empty_range(backend: Backend) -> None:
    assert source_of(backend).spans("payments", start=1000.0, end=1001.0) == []
