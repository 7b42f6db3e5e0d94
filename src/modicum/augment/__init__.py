"""Random changes of training pictures."""

from modicum.augment.photometric import random_detail, random_levels
from modicum.augment.policies import POLICIES, Policy, random_map

__all__ = ["POLICIES", "Policy", "random_detail", "random_levels", "random_map"]
