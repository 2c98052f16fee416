"""The examples run, and learn."""
