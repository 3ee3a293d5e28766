"""A small Jaeger: spans in memory and the HTTP JSON API its own pages use."""
