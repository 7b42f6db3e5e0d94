"""Random changes of training pictures."""

from modicum.augment.photometric import borrowed_levels, random_detail, random_levels
from modicum.augment.policies import POLICIES, Policy, moved_only, random_map, recoloured

__all__ = ["POLICIES", "Policy", "borrowed_levels", "moved_only", "random_detail", "random_levels", "random_map", "recoloured"]
