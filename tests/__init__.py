"""The tests. A package, so that `python -m tests.fuzz` runs from the root without installing."""
