"""Log files: read from their end, through rotation, never outside the allowed directories."""

import gzip
import json
import os
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from airra.lib import clock
from analysis.connectors.base import ConnectorError, Problem
from analysis.connectors.logfiles import LogFiles
from analysis.types import LogLine

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
AT = NOON.timestamp()


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    directory = tmp_path / "logs"
    directory.mkdir()
    return directory


def stamp(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat().replace("+00:00", "Z")


def text_lines(start: float, count: int, word: str = "line") -> str:
    return "".join(f"{stamp(start + i)} INFO {word} {i}\n" for i in range(count))


def read(path: Path | str, root: Path, *, limit: int = 2000, **options: int) -> list[LogLine]:
    with clock.frozen(NOON):
        source = LogFiles(str(path), log_dirs=[root], **options)
        return source.lines(start=AT - 3600, end=AT, limit=limit)


def refusal(path: Path | str, root: Path, **options: int) -> ConnectorError:
    with pytest.raises(ConnectorError) as caught:
        read(path, root, **options)
    return caught.value


def test_the_newest_lines_of_all_files_in_order(logs: Path) -> None:
    (logs / "a.log").write_text(text_lines(AT - 100, 50))
    (logs / "b.log").write_text(text_lines(AT - 75, 50))
    found = read(logs / "*.log", logs, limit=60)
    assert len(found) == 60
    assert [line.at for line in found] == sorted(line.at for line in found)
    assert {line.service for line in found} == {"a", "b"}
    assert found[-1].message == "INFO line 49"
    assert read(logs / "*.log", logs, limit=0) == []


@pytest.mark.parametrize("form", ["{}", "file://{}", "{}/*.log", "{}/a.*", "{}/a.log"])
def test_a_file_a_directory_or_a_pattern(logs: Path, form: str) -> None:
    (logs / "a.log").write_text(text_lines(AT - 5, 5))
    assert len(read(form.format(logs), logs)) == 5


def test_what_was_rotated_away_is_read_too(logs: Path) -> None:
    (logs / "pay.log.2.gz").write_bytes(gzip.compress(text_lines(AT - 90, 30, "oldest").encode()))
    (logs / "pay.log.1").write_text(text_lines(AT - 60, 30, "older"))
    (logs / "pay.log").write_text(text_lines(AT - 30, 30, "new"))
    (logs / "pay.log-20260130.gz").write_bytes(gzip.compress(b"never unpacked: too old"))
    os.utime(logs / "pay.log-20260130.gz", (AT - 86_400, AT - 86_400))
    for name in ("pay.log", "pay.log.1", "pay.log.2.gz"):
        os.utime(logs / name, (AT, AT))
    found = read(logs / "pay.log", logs)
    assert len(found) == 90
    assert {line.service for line in found} == {"pay"}


def test_a_line_without_a_time_belongs_to_the_one_before_it(logs: Path) -> None:
    trace = "Traceback (most recent call last):\n  File x\nValueError: boom\n"
    first, second = f"{stamp(AT - 9)} ERROR failed\n", f"{stamp(AT - 8)} INFO fine\n"
    (logs / "a.log").write_text("an old remainder\n" + first + trace + second)
    failed, fine = read(logs / "a.log", logs)
    assert failed.message == "ERROR failed\n" + trace.rstrip()
    assert (failed.level, fine.message) == ("error", "INFO fine")


def test_a_line_still_being_written_waits(logs: Path) -> None:
    half = json.dumps({"time": stamp(AT - 1), "msg": "half"})
    (logs / "a.log").write_text(text_lines(AT - 9, 2) + half[:20])
    assert len(read(logs / "a.log", logs)) == 2
    (logs / "a.log").write_text(text_lines(AT - 9, 2) + half + "\n")
    assert read(logs / "a.log", logs)[-1].message == "half"


def test_lines_across_block_borders_are_whole(logs: Path) -> None:
    long = "x" * 700
    count = 400  # some 290 kB, read in blocks of 64 kB
    (logs / "a.log").write_text("".join(f"{stamp(AT - 500 + i)} {long}{i}\n" for i in range(count)))
    found = read(logs / "a.log", logs)
    assert [line.message for line in found] == [f"{long}{i}" for i in range(count)]


def test_a_huge_file_costs_no_more_than_its_tail(logs: Path) -> None:
    path = logs / "a.log"
    with path.open("wb") as file:
        file.truncate(50_000_000_000)  # sparse: reading it whole would take minutes
        file.seek(0, os.SEEK_END)
        file.write(b"\n" + text_lines(AT - 5, 5).encode())
    assert len(read(path, logs)) == 5


@pytest.mark.parametrize(
    "junk",
    [b"\0" * 300_000, b"y" * 300_000, bytes(range(256)) * 1200],
    ids=["zeros", "one line", "binary"],
)
def test_a_file_of_something_else_holds_no_lines(logs: Path, junk: bytes) -> None:
    (logs / "a.log").write_bytes(junk)
    assert read(logs / "a.log", logs) == []
    with pytest.raises(ConnectorError, match="tells its time"):
        LogFiles(str(logs / "a.log"), log_dirs=[logs]).check()


def test_the_test_button_tells_what_was_found(logs: Path) -> None:
    (logs / "a.log").write_text(text_lines(AT - 5, 5))
    (logs / "b.log").write_text('{"time": "2026-01-31T11:00:00Z", "service": "c", "msg": "m"}\n')
    found = LogFiles(f"file://{logs}/*.log", log_dirs=[logs]).check()
    assert found == "The log files answer: 2 files, lines of 2 services"
    with pytest.raises(ConnectorError, match="no file matches"):
        LogFiles(f"file://{logs}/*.txt", log_dirs=[logs]).check()


class TestConfinement:
    def test_nothing_is_allowed_by_default(self, logs: Path) -> None:
        with pytest.raises(ConnectorError, match="AIRRA_LOG_DIRS") as caught:
            LogFiles(str(logs)).lines(start=0, end=1)
        assert caught.value.kind is Problem.DENIED

    @pytest.mark.parametrize("path", ["/etc/passwd", "/", "/etc/*", "/proc/self/environ"])
    def test_other_places_are_refused(self, logs: Path, path: str) -> None:
        assert refusal(path, logs).kind is Problem.DENIED

    @pytest.mark.parametrize(
        "form", ["{}/../secret", "{}/**/x", "logs/*.log", "", "http://x/y", "{}/%2e%2e/secret"]
    )
    def test_strange_paths_are_refused(self, logs: Path, form: str) -> None:
        (logs.parent / "secret").write_text(text_lines(AT - 5, 5))
        error = refusal(f"file://{form.format(logs)}", logs)
        assert error.kind in {Problem.REJECTED, Problem.DENIED}

    def test_a_sibling_whose_name_begins_the_same_is_outside(self, logs: Path) -> None:
        other = logs.with_name("logs-of-another")
        other.mkdir()
        assert refusal(other, logs).kind is Problem.DENIED

    def test_a_link_out_is_refused(self, logs: Path) -> None:
        (logs.parent / "secret").write_text(text_lines(AT - 5, 5))
        (logs / "a.log").symlink_to(logs.parent / "secret")
        error = refusal(logs / "*.log", logs)
        assert error.kind is Problem.DENIED
        assert "a.log leads out" in str(error)

    def test_a_linked_directory_out_is_refused(self, logs: Path) -> None:
        (logs / "sub").symlink_to("/etc")
        assert refusal(logs / "sub" / "*", logs).kind is Problem.DENIED
        assert refusal(logs / "s*" / "passwd", logs).kind is Problem.DENIED

    def test_a_link_within_is_followed_once(self, logs: Path) -> None:
        (logs / "app-1.log").write_text(text_lines(AT - 5, 5))
        (logs / "app.log").symlink_to(logs / "app-1.log")
        assert len(read(logs / "*.log", logs)) == 5

    def test_a_pipe_is_not_waited_for(self, logs: Path) -> None:
        os.mkfifo(logs / "a.log")
        assert read(logs / "*.log", logs) == []


class TestCaps:
    def test_too_many_files_are_refused(self, logs: Path) -> None:
        for i in range(4):
            (logs / f"{i}.log").write_text("x\n")
        error = refusal(logs / "*.log", logs, max_files=3)
        assert error.kind is Problem.TOO_LARGE
        assert "narrow it by a pattern" in str(error)

    def test_a_bomb_is_not_unpacked(self, logs: Path) -> None:
        (logs / "a.log.gz").write_bytes(gzip.compress(b"\n" * 2_000_000))
        assert refusal(logs, logs, max_unpacked=1_000_000).kind is Problem.TOO_LARGE

    @pytest.mark.parametrize(
        "content",
        [b"no gzip", gzip.compress(b"x" * 999, mtime=0)[:-9], b"\x1f\x8b"],
        ids=["other", "cut", "head"],
    )
    def test_a_broken_archive_is_named(self, logs: Path, content: bytes) -> None:
        (logs / "a.log.gz").write_bytes(content)
        assert refusal(logs, logs).kind is Problem.MALFORMED

    def test_only_the_tail_is_looked_at(self, logs: Path) -> None:
        (logs / "a.log").write_text(text_lines(AT - 900, 900))
        found = read(logs / "a.log", logs, tail_bytes=1000)
        assert 10 < len(found) < 40
        assert found[-1].message == "INFO line 899"
        packed = gzip.compress(text_lines(AT - 900, 900).encode())
        (logs / "b.log.gz").write_bytes(packed)
        assert [x.message for x in read(logs / "b.log.gz", logs, tail_bytes=1000)] == [
            x.message for x in found
        ]

    def test_time_runs_out(self, logs: Path) -> None:
        (logs / "a.log").write_text(text_lines(AT - 5, 5))
        source = LogFiles(str(logs), log_dirs=[logs], timeout_s=0.0)
        with pytest.raises(ConnectorError) as caught:
            source.lines(start=0, end=AT)
        assert caught.value.kind is Problem.TIMEOUT


def test_a_file_that_may_not_be_read_is_named(logs: Path) -> None:
    (logs / "a.log").write_text(text_lines(AT - 5, 5))
    (logs / "a.log").chmod(0)
    if os.access(logs / "a.log", os.R_OK):
        pytest.skip("root may read everything")
    error = refusal(logs, logs)
    assert error.kind is Problem.DENIED
    assert "a.log" in str(error)


def test_a_file_is_read_while_it_is_written(logs: Path) -> None:
    path = logs / "a.log"
    path.write_text(text_lines(AT - 3000, 100))
    stop = threading.Event()

    def write() -> None:
        with path.open("a") as file:
            for i in range(100_000):
                if stop.is_set():
                    return
                file.write(f"{stamp(AT - 2000)} INFO more {i}\n")
                file.flush()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(10):
            found = read(path, logs, limit=50)
            assert all(line.message.startswith("INFO ") for line in found)
            assert all("\n" not in line.message for line in found)
    finally:
        stop.set()
        writer.join()
