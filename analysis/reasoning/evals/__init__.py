"""Evaluation: frozen worlds and their twins, plain baselines, and scores computed by code."""
