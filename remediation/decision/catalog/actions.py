"""The table: every action with its fixed limits, and how each kind of target carries it out."""

from analysis.types import Mechanism
from remediation.decision.catalog import params
from remediation.decision.catalog.spec import ActionSpec, Way
from remediation.types import ExecutorKind, Reversibility

_K = ExecutorKind
_M = Mechanism
_STUCK_SIGNALS = frozenset(
    {
        "memory",
        "pool",
        "cpu",
        "disk",
        "queue",
        "threads",
        "saturation",
        "restarts",
        "availability",
    }
)


def _webhook(action: str) -> Way:
    """The endpoint's own code checks and acts; the secret only signs."""
    return Way(_K.WEBHOOK, ("sign",), f"requests for {action} to the endpoint")


def _checks(*names: str) -> frozenset[str]:
    return frozenset(names)


CATALOG: dict[str, ActionSpec] = {
    spec.key: spec
    for spec in (
        ActionSpec(
            key="restart",
            version=1,
            params=params.Restart,
            klass="restart",
            reversibility=Reversibility.SELF_HEALING,
            summary="Restart {service}",
            fits=frozenset({_M.LEAK, _M.SATURATION, _M.JOB}),
            signals=_STUCK_SIGNALS,
            forbidden_when=frozenset({_M.DB_LOCK, _M.TRAFFIC, _M.EXPIRY}),
            ways=(
                _webhook("restart"),
                Way(_K.KUBERNETES, ("get", "patch"), "deployments and statefulsets by name"),
                Way(_K.DOCKER, ("inspect", "restart"), "containers by full id"),
                Way(
                    _K.SYSTEMD,
                    ("describe", "dry-run", "restart", "probe"),
                    "the units listed in the forced command",
                    _checks("unit is loaded", "unit is settled", "starts left", "dependants"),
                ),
            ),
            lease_s=90,
            cooldown_s=900,
            settle_s=45,
            within_s=240,
        ),
        ActionSpec(
            key="reload",
            version=1,
            params=params.Reload,
            klass="reload",
            reversibility=Reversibility.SELF_HEALING,
            summary="Reload {service}",
            fits=frozenset({_M.CONFIG, _M.EXPIRY}),
            signals=frozenset(),
            forbidden_when=frozenset({_M.DB_LOCK, _M.TRAFFIC, _M.LEAK}),
            ways=(
                Way(
                    _K.SYSTEMD,
                    ("describe", "dry-run", "reload", "probe"),
                    "the units listed in the forced command",
                    _checks("unit is loaded", "unit is settled", "unit can reload"),
                ),
            ),
            lease_s=90,
            cooldown_s=300,
            settle_s=30,
            within_s=240,
        ),
        ActionSpec(
            key="scale",
            version=2,
            params=params.Scale,
            klass="scale",
            reversibility=Reversibility.EXACT_UNDO,
            summary="Scale {service} to {replicas} replicas",
            fits=frozenset({_M.TRAFFIC, _M.SATURATION}),
            signals=frozenset({"traffic"}),
            forbidden_when=frozenset({_M.DB_LOCK, _M.EXPIRY}),
            ways=(
                _webhook("scale"),
                Way(_K.KUBERNETES, ("get", "patch"), "the scale of deployments and statefulsets"),
            ),
            lease_s=90,
            cooldown_s=300,
            settle_s=45,
            within_s=240,
            clamps=frozenset({"replicas"}),
        ),
        ActionSpec(
            key="rollback",
            version=1,
            params=params.Rollback,
            klass="rollback",
            reversibility=Reversibility.EXACT_UNDO,
            summary="Roll back {service}",
            fits=frozenset({_M.CHANGE, _M.CONFIG}),
            signals=frozenset(),
            forbidden_when=frozenset({_M.TRAFFIC, _M.NODE, _M.EXPIRY}),
            ways=(
                _webhook("rollback"),
                Way(_K.KUBERNETES, ("get", "list", "patch"), "deployments and their replicasets"),
            ),
            lease_s=90,
            cooldown_s=900,
            settle_s=45,
            within_s=300,
        ),
        ActionSpec(
            key="set_flag",
            version=1,
            params=params.SetFlag,
            klass="flag",
            reversibility=Reversibility.EXACT_UNDO,
            summary="Set flag {flag} of {service} to {value}",
            fits=frozenset({_M.CHANGE, _M.CONFIG, _M.DEPENDENCY, _M.EXTERNAL, _M.NETWORK}),
            signals=frozenset(),
            forbidden_when=frozenset({_M.EXPIRY}),
            ways=(_webhook("set_flag"),),
            lease_s=90,
            cooldown_s=300,
            settle_s=30,
            within_s=240,
        ),
        ActionSpec(
            key="cordon",
            version=1,
            params=params.Cordon,
            klass="cordon",
            reversibility=Reversibility.EXACT_UNDO,
            summary="Set node {node} of {service} schedulable: {schedulable}",
            fits=frozenset({_M.NODE}),
            signals=frozenset(),
            forbidden_when=frozenset({_M.DB_LOCK, _M.TRAFFIC, _M.EXPIRY}),
            ways=(Way(_K.KUBERNETES, ("get", "list", "patch"), "nodes"),),
            lease_s=90,
            cooldown_s=900,
            settle_s=45,
            within_s=300,
        ),
        ActionSpec(
            key="resize",
            version=1,
            params=params.Resize,
            klass="resize",
            reversibility=Reversibility.EXACT_UNDO,
            summary="Resize {service}: {limits}",
            fits=frozenset({_M.LEAK, _M.SATURATION}),
            signals=frozenset({"memory", "cpu", "saturation"}),
            forbidden_when=frozenset({_M.DB_LOCK, _M.EXPIRY}),
            ways=(Way(_K.DOCKER, ("inspect", "update"), "containers by full id"),),
            lease_s=90,
            cooldown_s=900,
            settle_s=45,
            within_s=240,
            clamps=frozenset({"memory_mb", "cpus"}),
        ),
        ActionSpec(
            key="end_query",
            version=1,
            params=params.EndQuery,
            klass="end_query",
            reversibility=Reversibility.COMPENSABLE,
            summary="End the query that blocks others on {service}",
            fits=frozenset({_M.DB_LOCK}),
            signals=frozenset(),
            forbidden_when=frozenset({_M.TRAFFIC, _M.EXPIRY, _M.EXTERNAL}),
            ways=(
                Way(
                    _K.POSTGRES,
                    ("pg_read_all_stats", "pg_signal_backend"),
                    "backends of ordinary roles, never of superusers",
                    _checks("is a blocker", "may be ended", "is not AIRRA's", "victims"),
                ),
            ),
            lease_s=90,
            cooldown_s=120,
            settle_s=15,
            within_s=180,
            max_targets=3,
        ),
        ActionSpec(
            key="drain",
            version=1,
            params=params.Drain,
            klass="drain",
            reversibility=Reversibility.EXACT_UNDO,
            summary="Set server {server} of {service} to {state}",
            fits=frozenset({_M.NODE, _M.LEAK, _M.SATURATION, _M.UNKNOWN}),
            signals=frozenset({"errors", "latency", "availability"}),
            forbidden_when=frozenset({_M.DB_LOCK, _M.TRAFFIC, _M.EXPIRY}),
            ways=(
                Way(
                    _K.HAPROXY,
                    ("show stat", "show info", "show servers state", "set server state"),
                    "the runtime socket at level admin",
                    _checks("server is known", "the rest can carry it", "runtime only"),
                ),
            ),
            lease_s=90,
            cooldown_s=300,
            settle_s=30,
            within_s=240,
        ),
        ActionSpec(
            key="run_script",
            version=1,
            params=params.RunScript,
            klass="script",
            reversibility=Reversibility.EXACT_UNDO,
            summary="Run the runbook script {script} on {service}",
            fits=frozenset(),  # only a person picks one: no explanation leads here by itself
            signals=frozenset(),
            forbidden_when=frozenset(),
            ways=(
                Way(
                    _K.SCRIPT,
                    ("--check", "--apply", "--probe", "--undo"),
                    "scripts of the signed manifest, as the executor's own user",
                    _checks("manifest is signed", "script is unchanged", "script's own check"),
                ),
            ),
            timeout_s=60,
            lease_s=200,
            cooldown_s=900,
            settle_s=45,
            within_s=300,
        ),
    )
}
