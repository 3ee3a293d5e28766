"""From the bytes of a Prometheus answer to one array, without a Python object per point.

A scan spends most of its time here, so the labels are decoded by a typed decoder, and the points
of all series, which stay raw bytes until then, by a single call. Measured on 5,000 series of 60
points (12 MB): 80 ms against 390 ms for `json.loads` and one array per series.
"""

from collections.abc import Callable, Sequence
from typing import Literal, NoReturn, TypeVar

import msgspec
import numpy as np

from airra.lib.http import Failure, HttpError
from analysis.connectors.base import ConnectorError, Problem
from analysis.types import Floats, Frame

_MAX_CELLS = 20_000_000  # 160 MB of float64
_BLOCK = 500  # series decoded at a time: what is in flight stays small and in the cache
_DIGITS_AND_SPACE = b"0123456789.+-eENaInf \n\t\r"
_POINT = b'[,""]'  # what is left of [1795405364.263,"1.5"]

_MAX_TEXT = 300
Shape = TypeVar("Shape")


class _Range(msgspec.Struct, gc=False):
    metric: dict[str, str]
    # A series of native histograms has none: all gap.
    values: msgspec.Raw = msgspec.Raw(b"[]")


class _Sample(msgspec.Struct, gc=False):
    metric: dict[str, str]
    value: msgspec.Raw = msgspec.Raw(b"")


class _Matrix(msgspec.Struct):
    result: list[_Range]
    type_: Literal["matrix"] = msgspec.field(name="resultType")


class _Vector(msgspec.Struct):
    result: list[_Sample]
    type_: Literal["vector"] = msgspec.field(name="resultType")


class _MatrixAnswer(msgspec.Struct, rename="camel"):
    data: _Matrix
    warnings: list[str] | None = None
    is_partial: bool = False  # VictoriaMetrics


class _VectorAnswer(msgspec.Struct, rename="camel"):
    data: _Vector
    warnings: list[str] | None = None
    is_partial: bool = False


_matrix_of: Callable[[bytes], _MatrixAnswer] = msgspec.json.Decoder(_MatrixAnswer).decode
_vector_of: Callable[[bytes], _VectorAnswer] = msgspec.json.Decoder(_VectorAnswer).decode
_numbers_of: Callable[[bytes], list[float | None]] = msgspec.json.Decoder(list[float | None]).decode


def frame_of_matrix(body: bytes, *, times: Floats, step_s: float, max_series: int) -> Frame:
    """The series of a range query on the grid `times` (ascending, `step_s` apart).

    A point goes to the grid place nearest to it, outside the grid it is dropped; of two for one
    place the later in the answer wins. NaN and infinity become NaN. Raises `ConnectorError`,
    and `HttpError` for what is not JSON at all.
    """
    _refuse_too_many(_least_count(body), len(times), max_series)
    answer = _decoded(_matrix_of, body)
    found = answer.data.result
    _refuse_too_many(len(found), len(times), max_series)
    values = np.full((len(found), len(times)), np.nan)
    for first in range(0, len(found), _BLOCK):
        rows, points = _points([bytes(series.values) for series in found[first : first + _BLOCK]])
        place = np.rint((points[:, 0] - times[0]) / step_s)
        is_ours = (place >= 0) & (place < len(times))
        values[first + rows[is_ours], place[is_ours].astype(np.intp)] = points[is_ours, 1]
    return _frame(_labels(found, body), times, values, answer)


def frame_of_vector(body: bytes, *, at: float, max_series: int) -> Frame:
    """The series of an instant query: one column, at `at`. Raises as `frame_of_matrix`."""
    _refuse_too_many(_least_count(body), 1, max_series)
    answer = _decoded(_vector_of, body)
    found = answer.data.result
    _refuse_too_many(len(found), 1, max_series)
    values = np.full((len(found), 1), np.nan)
    rows, points = _points([b"[" + bytes(sample.value) + b"]" for sample in found])
    values[rows, 0] = points[:, 1]
    return _frame(_labels(found, body), np.array([at]), values, answer)


def _labels(found: Sequence[_Range | _Sample], body: bytes) -> list[dict[str, str]]:
    """Labels as any database takes them. A NUL is rare enough to be looked for in the bytes."""
    if b"\\u0000" not in body:
        return [series.metric for series in found]
    return [
        {name.replace("\0", ""): value.replace("\0", "") for name, value in series.metric.items()}
        for series in found
    ]


def _frame(
    labels: Sequence[dict[str, str]],
    times: Floats,
    values: Floats,
    answer: _MatrixAnswer | _VectorAnswer,
) -> Frame:
    values[~np.isfinite(values)] = np.nan
    warnings = tuple(answer.warnings or ())
    # Prometheus remarks on the query in the same field where Thanos says that a store is missing.
    is_partial = answer.is_partial or any(not w.startswith("PromQL ") for w in warnings)
    return Frame(labels, times, values, warnings=warnings, is_partial=is_partial)


def _least_count(body: bytes) -> int:
    """Fewest series there can be, before any is built: a hostile answer stays bytes.

    Halved, because the word may also be a label or its value.
    """
    return body.count(b'"metric"') // 2


def _refuse_too_many(count: int, columns: int, max_series: int) -> None:
    allowed = min(max_series, _MAX_CELLS // max(columns, 1))
    if count > allowed:
        msg = (
            f"the answer holds more than {allowed} series of {columns} points: "
            "narrow it by a label, sum by fewer labels, or take a larger step"
        )
        raise ConnectorError(Problem.TOO_LARGE, msg)


def _points(raws: list[bytes]) -> tuple[np.ndarray[tuple[int], np.dtype[np.intp]], Floats]:
    """Row numbers (n,) and [time, value] (n, 2) of all points of all series."""
    counts = [max(raw.count(b"[") - 1, 0) for raw in raws]
    joined = b",".join(raws)
    expected = b",".join([b"[" + b",".join([_POINT] * count) + b"]" for count in counts])
    is_strange = any(raw.strip(b"[] \n\t\r") for raw, n in zip(raws, counts, strict=True) if not n)
    if is_strange or joined.translate(None, _DIGITS_AND_SPACE) != expected:
        _wrong_points()
    rows = np.repeat(np.arange(len(raws)), counts)
    if not len(rows):
        return rows, np.empty((0, 2))
    flat = b",".join([raw for raw, count in zip(raws, counts, strict=True) if count])
    text = flat.translate(None, b'[]"')
    if b"N" in text or b"I" in text:
        for word in (b"+Inf", b"-Inf", b"NaN"):
            text = text.replace(word, b"null")
    try:
        points = np.array(_numbers_of(b"[" + text + b"]"), dtype=np.float64).reshape(-1, 2)
    except (msgspec.MsgspecError, ValueError):
        _wrong_points()
    if not np.isfinite(points[:, 0]).all():
        _wrong_points()
    return rows, points


def _wrong_points() -> NoReturn:
    msg = 'the answer is not understood: values should be pairs of [time, "number"]'
    raise ConnectorError(Problem.MALFORMED, msg)


def _decoded(decode: Callable[[bytes], Shape], body: bytes) -> Shape:
    try:
        return decode(body)
    except RecursionError as error:
        msg = "the answer is not understood: it is nested too deep"
        raise ConnectorError(Problem.MALFORMED, msg) from error
    except msgspec.ValidationError as error:
        msg = f"the answer is not understood: {str(error)[:_MAX_TEXT]}"
        raise ConnectorError(Problem.MALFORMED, msg) from error
    except msgspec.DecodeError as error:
        msg = f"the answer is not JSON: {body[:80].decode(errors='replace')!r}"
        raise HttpError(Failure.MALFORMED, msg) from error
