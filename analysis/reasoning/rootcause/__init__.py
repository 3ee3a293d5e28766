"""Root causes by fused evidence: Django-free, deterministic, no name in any feature."""

from analysis.reasoning.rootcause.engine import diagnose

__all__ = ["diagnose"]
