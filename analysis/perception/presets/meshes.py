"""Proxies that count the requests of what stands behind them."""

from analysis.perception.presets.base import Family, Preset, p95, rate, ratio, red

_INGRESS = ("exported_service", "service", "ingress")
_CLUSTER = ("envoy_cluster_name",)
_WORKLOAD = ("destination_service_name", "destination_workload")
_REACHED = 'reporter="destination"'

PRESETS: tuple[Preset, ...] = (
    *red(
        Family.INGRESS,
        ": ingress",
        requests=rate("nginx_ingress_controller_requests"),
        failed=rate("nginx_ingress_controller_requests", 'status=~"5.."'),
        latency=p95("nginx_ingress_controller_request_duration_seconds_bucket"),
        services=_INGRESS,
    ),
    Preset(
        Family.INGRESS,
        "Configuration refused: ingress",
        "availability",
        "min by ($service) (nginx_ingress_controller_config_last_reload_successful)",
        "ratio",
        "1 is a good reload, 0 is not",
        rule="saturation",
        limit=0.0,
        floor=0.5,
        direction="down",
        services=("app_kubernetes_io_name", "app", "service", "job"),
    ),
    Preset(
        Family.INGRESS,
        "Certificate expires: ingress",
        "availability",
        "(min by ($service) (nginx_ingress_controller_ssl_expire_time_seconds > 0) - time()) "
        "/ 86400",
        "days",
        "two weeks to renew it",
        rule="saturation",
        limit=0.0,
        floor=14.0,
        direction="down",
        services=("host",),
    ),
    *red(
        Family.ENVOY,
        ": Envoy",
        requests=rate("envoy_cluster_upstream_rq_xx"),
        failed=rate("envoy_cluster_upstream_rq_xx", 'envoy_response_code_class="5"'),
        latency=f"{p95('envoy_cluster_upstream_rq_time_bucket')} / 1000",
        services=_CLUSTER,
    ),
    Preset(
        Family.ENVOY,
        "Healthy hosts: Envoy",
        "availability",
        "min by ($service) "
        "(envoy_cluster_membership_healthy / (envoy_cluster_membership_total > 0))",
        "ratio",
        "a deployment replaces some",
        floor=0.4,
        direction="down",
        services=_CLUSTER,
    ),
    Preset(
        Family.ENVOY,
        "Requests turned away: Envoy",
        "saturation",
        ratio(
            rate("envoy_cluster_upstream_rq_pending_overflow"),
            rate("envoy_cluster_upstream_rq_xx"),
        ),
        "ratio",
        "a slip now and then",
        floor=0.01,
        services=_CLUSTER,
    ),
    *red(
        Family.ISTIO,
        ": Istio",
        requests=rate("istio_requests_total", _REACHED),
        failed=rate("istio_requests_total", f'{_REACHED}, response_code=~"5.."'),
        latency=p95("istio_request_duration_milliseconds_bucket") + " / 1000",
        services=_WORKLOAD,
    ),
)
