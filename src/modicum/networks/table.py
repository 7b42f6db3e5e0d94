"""The table of networks."""

from torch import nn

from modicum.tables import Table

NETWORKS: Table[nn.Module] = Table("network")

SOLID = frozenset({"unet3d"})  # networks of three dimensions: they see blocks of slices (N, C, D, H, W)
