"""From a trained network to probability maps and masks."""

from modicum.inference.segmenter import Segmenter, ready

__all__ = ["Segmenter", "ready"]
