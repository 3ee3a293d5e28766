"""A small Prometheus: samples in memory, the part of PromQL the lab needs, the HTTP API."""
