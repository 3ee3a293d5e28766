"""What can be set from outside: command line first, then LAB_* variables, then defaults."""

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything a running lab was told. `port` 0 means: any free one."""

    host: str = "127.0.0.1"
    port: int = 8900
    rate: float = 12.0
    seed: int = 7
    data_dir: Path = Path()
    secret: str = "lab-secret"  # noqa: S105 - a toy's well-known default, documented as such
    scrape_interval_s: float = 2.0
    retention_s: int = 3900
    memory_limit_mb: int = 768
    trace_ratio: float = 0.4


def read_env(name: str, default: str) -> str:
    """The variable LAB_<name>, or the default if it is unset or empty."""
    return os.getenv(f"LAB_{name}") or default


def from_env(*, data_dir: str = "") -> Settings:
    """Settings as the environment gives them; an empty `data_dir` becomes a new temporary one."""
    return Settings(
        host=read_env("HOST", "127.0.0.1"),
        port=int(read_env("PORT", "8900")),
        rate=float(read_env("RATE", "12")),
        seed=int(read_env("SEED", "7")),
        data_dir=_directory(data_dir or read_env("DATA_DIR", "")),
        secret=read_env("CONTROL_SECRET", "lab-secret"),
        scrape_interval_s=float(read_env("SCRAPE_INTERVAL", "2")),
        memory_limit_mb=int(read_env("MEMORY_LIMIT_MB", "768")),
        trace_ratio=float(read_env("TRACE_RATIO", "0.4")),
    )


def _directory(wanted: str) -> Path:
    if not wanted:
        return Path(tempfile.mkdtemp(prefix="airra-lab-"))
    path = Path(wanted)
    path.mkdir(parents=True, exist_ok=True)
    return path
