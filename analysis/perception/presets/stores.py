"""Databases, caches and queues, by the exporters that stand beside them."""

from analysis.perception.presets.base import Family, Preset, mean, rate, ratio

_P, _R, _K = Family.POSTGRES, Family.REDIS, Family.KAFKA
_SERVER = ("server", "instance")
_REDIS = ("instance",)
_GROUP = ("consumergroup",)
_CONNECTIONS = (
    "sum by ($service) (pg_stat_activity_count) / max by ($service) (pg_settings_max_connections)"
)

_POSTGRES = (
    Preset(
        _P,
        "PostgreSQL not reached",
        "availability",
        "min by ($service) (pg_up)",
        "ratio",
        "1 is reached, 0 is not",
        rule="saturation",
        limit=0.0,
        floor=0.5,
        direction="down",
        services=_SERVER,
    ),
    Preset(
        _P,
        "Connections of PostgreSQL",
        "saturation",
        _CONNECTIONS,
        "ratio",
        "clients come and go",
        floor=0.2,
        services=_SERVER,
    ),
    Preset(
        _P,
        "Connections of PostgreSQL nearly used up",
        "saturation",
        _CONNECTIONS,
        "ratio",
        "it refuses at 1",
        rule="saturation",
        limit=1.0,
        floor=0.1,
        services=_SERVER,
    ),
    Preset(
        _P,
        "Transactions rolled back: PostgreSQL",
        "errors",
        ratio(
            rate("pg_stat_database_xact_rollback", by="$service, datname"),
            f"({rate('pg_stat_database_xact_rollback', by='$service, datname')} + "
            f"{rate('pg_stat_database_xact_commit', by='$service, datname')})",
        ),
        "ratio",
        "health checks roll back",
        floor=0.1,
        services=_SERVER,
    ),
    Preset(
        _P,
        "Deadlocks: PostgreSQL",
        "errors",
        "sum by ($service, datname) (increase(pg_stat_database_deadlocks[$wide]))",
        "deadlocks",
        "one is retried",
        floor=2.0,
        services=_SERVER,
    ),
    Preset(
        _P,
        "Longest transaction: PostgreSQL",
        "latency",
        "max by ($service) (pg_stat_activity_max_tx_duration)",
        "s",
        "backups and reports take minutes",
        floor=300.0,
        services=_SERVER,
    ),
    Preset(
        _P,
        "Replica behind: PostgreSQL",
        "latency",
        "max by ($service) (pg_replication_lag_seconds)",
        "s",
        "reads half a minute old",
        floor=30.0,
        services=_SERVER,
    ),
)

_CACHES = (
    Preset(
        _R,
        "Redis not reached",
        "availability",
        "min by ($service) (redis_up)",
        "ratio",
        "1 is reached, 0 is not",
        rule="saturation",
        limit=0.0,
        floor=0.5,
        direction="down",
        services=_REDIS,
    ),
    Preset(
        _R,
        "Memory of Redis on its way to its limit",
        "memory",
        "max by ($service) (redis_memory_used_bytes / (redis_memory_max_bytes > 0))",
        "ratio",
        "it throws out or refuses at 1",
        rule="forecast",
        limit=1.0,
        services=_REDIS,
    ),
    Preset(
        _R,
        "Keys thrown out of Redis",
        "saturation",
        rate("redis_evicted_keys_total"),
        "1/s",
        "a cache lets some go",
        floor=10.0,
        services=_REDIS,
    ),
    Preset(
        _R,
        "Clients of Redis nearly at their limit",
        "saturation",
        "max by ($service) (redis_connected_clients / redis_config_maxclients)",
        "ratio",
        "it refuses at 1",
        rule="saturation",
        limit=1.0,
        floor=0.1,
        services=_REDIS,
    ),
    Preset(
        _R,
        "Clients turned away by Redis",
        "errors",
        "sum by ($service) (increase(redis_rejected_connections_total[$wide]))",
        "clients",
        "there should be none",
        floor=0.5,
        services=_REDIS,
    ),
    Preset(
        _R,
        "Slow commands: Redis",
        "latency",
        mean("redis_commands_duration_seconds_total", "redis_commands_processed_total"),
        "s",
        "a command takes microseconds",
        floor=0.005,
        services=_REDIS,
    ),
)

_QUEUES = (
    Preset(
        _K,
        "Consumers behind: Kafka",
        "saturation",
        "sum by ($service, topic) (kafka_consumergroup_lag)",
        "messages",
        "a batch waits",
        floor=1000.0,
        services=_GROUP,
    ),
    Preset(
        _K,
        "Partitions without all their replicas: Kafka",
        "availability",
        "sum by ($service) (kafka_topic_partition_under_replicated_partition)",
        "partitions",
        "there should be none",
        rule="saturation",
        limit=1.0,
        floor=0.5,
        services=("topic",),
    ),
    Preset(
        _K,
        "Brokers: Kafka",
        "availability",
        "min by ($service) (kafka_brokers)",
        "brokers",
        "each counts",
        floor=0.5,
        direction="down",
        services=("cluster", "job"),
    ),
)

PRESETS: tuple[Preset, ...] = (*_POSTGRES, *_CACHES, *_QUEUES)
