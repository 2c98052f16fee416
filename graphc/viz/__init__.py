"""The graph page: one self-contained HTML file to read, search and fold a graph in."""

from graphc.viz.page import graph_page, write_page, write_run_page

__all__ = ["graph_page", "write_page", "write_run_page"]
