"""Methods that need no network: segmenters and localisers in their own right."""

from modicum.classical.threshold import OtsuThreshold

__all__ = ["OtsuThreshold"]
