"""Tests of what users import: graphs, variables, sessions, and the errors of their misuse."""
