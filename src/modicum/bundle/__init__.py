"""The trained model as one file that travels, and what becomes of its probabilities."""

from modicum.bundle.about import FORMAT, file_of
from modicum.bundle.decision import class_numbers, outputs_for
from modicum.bundle.model import Bundle
from modicum.bundle.segmenting import refuse_picture, volume_probabilities

__all__ = ["FORMAT", "Bundle", "class_numbers", "file_of", "outputs_for", "refuse_picture", "volume_probabilities"]
