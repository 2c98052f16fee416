"""Checkpoint files: their format, damage to them, and interrupted saves."""
