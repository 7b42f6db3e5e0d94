"""The table of networks."""

from torch import nn

from modicum.tables import Table

NETWORKS: Table[nn.Module] = Table("network")
