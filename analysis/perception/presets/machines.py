"""Machines and what an orchestrator runs on them: node_exporter, kube-state-metrics, cAdvisor."""

from analysis.perception.presets.base import Family, Preset, rate, ratio

_N, _K, _C = Family.NODE, Family.KUBERNETES, Family.CADVISOR
_MACHINE = ("nodename", "node", "instance")
_CONTAINER = ("container",)
_DISKS = '{fstype!~"tmpfs|ramfs|overlay|squashfs|iso9660|nsfs|devtmpfs"}'
_DISK = (
    f"max by ($service, mountpoint) (1 - node_filesystem_avail_bytes{_DISKS} / "
    f"(node_filesystem_size_bytes{_DISKS} > 0))"
)
_INODES = (
    f"max by ($service, mountpoint) (1 - node_filesystem_files_free{_DISKS} / "
    f"(node_filesystem_files{_DISKS} > 0))"
)
_LOAD = 'max by ($service) (node_load5) / count by ($service) (node_cpu_seconds_total{mode="idle"})'
_MEMORY = "max by ($service) (1 - node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes)"
_REAL = 'container!="", container!="POD"'
_BY_CONTAINER = "namespace, $service"
_OF_LIMIT = (
    f"max by ({_BY_CONTAINER}) (container_memory_working_set_bytes{{{_REAL}}} / "
    f"(container_spec_memory_limit_bytes{{{_REAL}}} > 0))"
)

_NODES = (
    Preset(
        _N,
        "CPU of a machine",
        "cpu",
        'avg by ($service) (1 - rate(node_cpu_seconds_total{mode="idle"}[$window]))',
        "ratio",
        "a fifth of the machine",
        floor=0.2,
        services=_MACHINE,
    ),
    Preset(
        _N,
        "Load of a machine, by core",
        "saturation",
        _LOAD,
        "ratio",
        "one waits behind each that runs",
        floor=1.0,
        opens_incident=False,
        services=_MACHINE,
    ),
    Preset(
        _N,
        "Memory of a machine nearly used up",
        "memory",
        _MEMORY,
        "ratio",
        "the kernel kills at 1",
        rule="saturation",
        limit=1.0,
        floor=0.05,
        services=_MACHINE,
    ),
    Preset(
        _N,
        "Memory of a machine running out",
        "memory",
        _MEMORY,
        "ratio",
        "the kernel kills before 1",
        rule="forecast",
        limit=0.98,
        services=_MACHINE,
    ),
    Preset(
        _N,
        "Disk of a machine nearly full",
        "disk",
        _DISK,
        "ratio",
        "writes fail at 1",
        rule="saturation",
        limit=1.0,
        floor=0.08,
        services=_MACHINE,
    ),
    Preset(
        _N,
        "Disk of a machine filling up",
        "disk",
        _DISK,
        "ratio",
        "writes fail soon after",
        rule="forecast",
        limit=0.98,
        horizon_s=24 * 3600,
        services=_MACHINE,
    ),
    Preset(
        _N,
        "Inodes of a machine nearly used up",
        "disk",
        _INODES,
        "ratio",
        "no file can be made at 1",
        rule="saturation",
        limit=1.0,
        floor=0.08,
        services=_MACHINE,
    ),
    Preset(
        _N,
        "Disk of a machine busy",
        "saturation",
        "max by ($service, device) (rate(node_disk_io_time_seconds_total[$window]))",
        "ratio",
        "backups do that",
        floor=0.4,
        opens_incident=False,
        services=_MACHINE,
    ),
    Preset(
        _N,
        "Network errors",
        "errors",
        f"{rate('node_network_receive_errs_total')} + {rate('node_network_transmit_errs_total')}",
        "1/s",
        "a cable drops one a minute",
        floor=1.0,
        services=_MACHINE,
    ),
)

_KUBE = (
    Preset(
        _K,
        "Restarts of a container",
        "restarts",
        f"sum by ({_BY_CONTAINER}) (increase(kube_pod_container_status_restarts_total[$wide]))",
        "restarts",
        "one is a deployment or a chance",
        floor=1.5,
        services=_CONTAINER,
    ),
    Preset(
        _K,
        "Replicas missing",
        "availability",
        "min by (namespace, $service) (kube_deployment_status_replicas_available / "
        "(kube_deployment_spec_replicas > 0))",
        "ratio",
        "a deployment replaces some",
        floor=0.4,
        direction="down",
        services=("deployment",),
    ),
    Preset(
        _K,
        "Containers not ready",
        "availability",
        f"avg by ({_BY_CONTAINER}) (kube_pod_container_status_ready)",
        "ratio",
        "a deployment replaces some",
        floor=0.4,
        direction="down",
        services=_CONTAINER,
    ),
    Preset(
        _K,
        "Node not ready",
        "availability",
        'min by ($service) (kube_node_status_condition{condition="Ready", status="true"})',
        "ratio",
        "1 is ready, 0 is not",
        rule="saturation",
        limit=0.0,
        floor=0.5,
        direction="down",
        services=("node",),
    ),
    Preset(
        _K,
        "Autoscaler at its maximum",
        "saturation",
        "max by (namespace, $service) (kube_horizontalpodautoscaler_status_current_replicas / "
        "kube_horizontalpodautoscaler_spec_max_replicas)",
        "ratio",
        "it cannot grow at 1",
        rule="saturation",
        limit=1.0,
        floor=0.05,
        opens_incident=False,
        services=("horizontalpodautoscaler",),
    ),
    Preset(
        _K,
        "Volume filling up",
        "disk",
        "max by (namespace, $service) (kubelet_volume_stats_used_bytes / "
        "(kubelet_volume_stats_capacity_bytes > 0))",
        "ratio",
        "writes fail soon after",
        rule="forecast",
        limit=0.98,
        horizon_s=24 * 3600,
        services=("persistentvolumeclaim",),
    ),
)

_CONTAINERS = (
    Preset(
        _C,
        "CPU of a container held back",
        "saturation",
        ratio(
            rate("container_cpu_cfs_throttled_periods_total", _REAL, by=_BY_CONTAINER),
            rate("container_cpu_cfs_periods_total", _REAL, by=_BY_CONTAINER),
        ),
        "ratio",
        "starting up takes more",
        floor=0.25,
        services=_CONTAINER,
    ),
    Preset(
        _C,
        "Container killed for its memory",
        "memory",
        f"sum by ({_BY_CONTAINER}) (increase(container_oom_events_total{{{_REAL}}}[$wide]))",
        "kills",
        "there should be none",
        floor=0.5,
        services=_CONTAINER,
    ),
    Preset(
        _C,
        "Memory of a container nearly at its limit",
        "memory",
        _OF_LIMIT,
        "ratio",
        "it is killed at 1",
        rule="saturation",
        limit=1.0,
        floor=0.05,
        services=_CONTAINER,
    ),
    Preset(
        _C,
        "Memory of a container on its way to its limit",
        "memory",
        _OF_LIMIT,
        "ratio",
        "it is killed at 1",
        rule="forecast",
        limit=1.0,
        services=_CONTAINER,
    ),
)

PRESETS: tuple[Preset, ...] = (*_NODES, *_KUBE, *_CONTAINERS)
