"""Kubernetes objects and events, read by rules that join two facts. Pure, offline."""
