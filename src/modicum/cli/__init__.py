"""The command line. It parses, calls and prints; everything heavy is imported inside the command that needs it."""

from modicum.cli.main import main

__all__ = ["main"]
