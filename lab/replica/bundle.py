"""What a replica is told at its birth, as one JSON line on stdin."""

from dataclasses import asdict, dataclass, field

from lab.jsontypes import JSON


@dataclass(frozen=True, slots=True)
class Bundle:
    """The release, its configuration and the limits under which this process runs."""

    service: str
    instance: str
    revision: int
    version: str
    memory_limit_bytes: int
    spool_dir: str
    spool_bytes: int
    seed: int
    trace_ratio: float
    defect: str = ""
    config: dict[str, str] = field(default_factory=dict)
    flags: dict[str, bool] = field(default_factory=dict)
    peers: dict[str, list[str]] = field(default_factory=dict)

    def as_json(self) -> JSON:
        return asdict(self)
