"""Where the weights of a network begin."""

from modicum.starts import contrast, denoise, jigsaw
from modicum.starts.alike import Transfer, copy_alike
from modicum.starts.imagenet import PUBLISHED, begin_as_imagenet, expected_scale
from modicum.starts.table import STARTS, Pretext, PretextTask

__all__ = ["PUBLISHED", "STARTS", "Pretext", "PretextTask", "Transfer", "begin_as_imagenet", "copy_alike", "expected_scale"]
