"""Holds the layout together: packages, links, builds, import walls, make targets, fixtures."""
