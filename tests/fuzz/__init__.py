"""Random graphs against the interpreter: `python -m tests.fuzz --count N`.

`generate` makes a case of a seed, `check` runs it every way there is and compares, `shrink` makes a
failing case small, `files` writes and reads it as text. What agrees, and how closely rounding lets
it agree, is in `tolerance`; which errors may be missing, in `unread`.
"""
