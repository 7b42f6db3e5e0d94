"""The networks. A new one is one file and one line here."""

from modicum.networks import unet as _unet
from modicum.networks.table import NETWORKS

__all__ = ["NETWORKS"]
