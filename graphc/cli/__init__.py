"""The command `graphc`: look into graphs and what becomes of them.

Only this package uses typer and rich.
"""


def main() -> None:
    """Run the command with the process's arguments, and exit with its code."""
    from graphc.cli.app import app

    app(prog_name="graphc")
