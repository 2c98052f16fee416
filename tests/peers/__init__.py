"""Comparisons with other implementations, skipped where those are not installed."""
