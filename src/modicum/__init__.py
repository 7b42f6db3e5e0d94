"""Modicum: accurate segmenters for medical images from few labels, on an ordinary computer.

import modicum as md
run = md.train("data/", budget="20m")
mask = run.segment("x.png")
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = ["Bundle", "ModicumError", "inspect", "train"]

if TYPE_CHECKING:
    from modicum.bundle import Bundle
    from modicum.datasets import inspect
    from modicum.errors import ModicumError
    from modicum.runs.train import train

_HOMES = {
    "Bundle": "modicum.bundle",
    "ModicumError": "modicum.errors",
    "inspect": "modicum.datasets",
    "train": "modicum.runs.train",
}


def __getattr__(name: str) -> Any:
    """Parts of the library, imported when they are first used: `import modicum` costs nothing."""
    from importlib import import_module

    if name not in _HOMES:
        raise AttributeError(f"module 'modicum' has no attribute '{name}'")
    return getattr(import_module(_HOMES[name]), name)
