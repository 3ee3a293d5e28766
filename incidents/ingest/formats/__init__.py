"""One file a vendor: body to alerts, pure."""
