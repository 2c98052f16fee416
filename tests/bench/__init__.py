"""Tests of `graphc.bench`."""
