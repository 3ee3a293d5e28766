"""A small Loki: log lines in memory, stream selectors and line filters, the HTTP API."""
