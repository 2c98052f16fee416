"""Imported by arguments.py, as a script imports its neighbours."""

SCALE = 3
