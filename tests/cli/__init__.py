"""Tests of the command `graphc`, run as users run it."""
