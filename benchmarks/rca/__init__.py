"""Root causes on labelled failures: `python -m benchmarks.rca --cases DIR --out predictions.jsonl`."""
