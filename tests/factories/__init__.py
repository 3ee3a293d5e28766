"""Makers of rows that hang together, for tests and for looking at pages."""
