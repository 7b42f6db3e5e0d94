"""Where the weights of a network begin."""

from modicum.starts.alike import Transfer, copy_alike

__all__ = ["Transfer", "copy_alike"]
