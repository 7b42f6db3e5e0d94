"""Where the weights of a network begin."""

from modicum.starts.alike import Transfer, copy_alike
from modicum.starts.imagenet import PUBLISHED, begin_as_imagenet, expected_scale
from modicum.starts.table import STARTS

__all__ = ["PUBLISHED", "STARTS", "Transfer", "begin_as_imagenet", "copy_alike", "expected_scale"]
