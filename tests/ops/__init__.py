"""Tests of the public functions that build operations."""
