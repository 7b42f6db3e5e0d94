"""Methods that need no network: segmenters and localisers in their own right. A new one is one file and one line here."""

from modicum.classical import atlas as _atlas
from modicum.classical import cosfire as _cosfire
from modicum.classical import pixels as _pixels
from modicum.classical import vessels as _vessels
from modicum.classical.segmenter import ClassicalSegmenter
from modicum.classical.table import METHODS, OF_ONE_CHANNEL, Method, State
from modicum.classical.threshold import OtsuThreshold

__all__ = ["METHODS", "OF_ONE_CHANNEL", "ClassicalSegmenter", "Method", "OtsuThreshold", "State"]
