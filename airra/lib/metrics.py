"""AIRRA's own counters and histograms, beside those of django-prometheus on /metrics."""

from prometheus_client import Counter, Gauge, Histogram

_WORK = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)

DELIVERIES = Counter("airra_deliveries_total", "Webhook deliveries by fate.", ["kind", "fate"])
PUSHED = Counter("airra_pushed_records_total", "Spans and log lines taken.", ["signal"])
INCIDENTS_OPENED = Counter("airra_incidents_opened_total", "Incidents.", ["source", "severity"])
INCIDENTS_RESOLVED = Counter("airra_incidents_resolved_total", "Incidents resolved.", ["by"])
DETECTOR_RUNS = Counter("airra_detector_runs_total", "Detector runs by outcome.", ["outcome"])
DETECTOR_SECONDS = Histogram(
    "airra_detector_seconds", "One detector run, query to rows.", buckets=_WORK
)
ANOMALIES = Counter("airra_anomalies_total", "Anomalies opened.", ["signal"])
INVESTIGATIONS = Counter("airra_investigations_total", "Investigations.", ["reasoner", "outcome"])
INVESTIGATION_SECONDS = Histogram(
    "airra_investigation_seconds", "From start to settled.", buckets=_WORK
)
MODEL_TOKENS = Counter("airra_model_tokens_total", "Tokens a model used.", ["model", "direction"])
MODEL_CALLS = Counter("airra_model_calls_total", "Calls to models by fate.", ["model", "status"])
MODEL_DOLLARS = Counter("airra_model_dollars_total", "US dollars models cost.", ["model"])
APPROVALS = Counter("airra_approvals_total", "Approvals decided.", ["decision"])
EXECUTIONS = Counter("airra_executions_total", "Executions that ended.", ["action", "state"])
HEARTBEAT = Gauge("airra_heartbeat_timestamp_seconds", "When the last sweep ran.", ["app"])
AUDIT_BROKEN = Gauge("airra_audit_broken", "1 when the last check of the audit chain failed.")
AUDIT_VERIFIED = Gauge("airra_audit_verified_row", "The last row the last check found intact.")
AUDIT_CHECKPOINT = Gauge("airra_audit_checkpoint_row", "The row of the newest checkpoint.")
AUDIT_EXPORT_FAILURES = Counter(
    "airra_audit_export_failures_total", "Checkpoints that could not be signed or exported."
)
AUDIT_UNWRITABLE = Counter(
    "airra_audit_unwritable_total", "What was not done because its audit row could not be written."
)
