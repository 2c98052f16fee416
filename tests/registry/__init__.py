"""Tests that iterate the registry of operations: adding an operation adds its tests."""
