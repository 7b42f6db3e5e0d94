"""The networks. A new one is one file and one line here."""

from modicum.networks import coarse_to_fine as _coarse_to_fine
from modicum.networks import hourglass as _hourglass
from modicum.networks import unet as _unet
from modicum.networks.table import NETWORKS

__all__ = ["NETWORKS"]
