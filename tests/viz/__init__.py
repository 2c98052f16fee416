"""Tests of the graph page."""
