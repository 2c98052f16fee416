"""The graph IR: what a program means, before anyone decides how to run it.

Types, the graph, op definitions, the differentiator, rewrites, passes, the text form and the
NumPy interpreter. Imports the standard library, NumPy and networkx, and nothing above it.
"""

if __name__ != "graphc.ir":
    raise ImportError(f"this package is graphc.ir, not {__name__}: write `import graphc.ir`")
