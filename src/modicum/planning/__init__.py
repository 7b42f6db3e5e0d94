"""From what the data are to what is trained."""

from modicum.planning.larger import Larger
from modicum.planning.plan import Plan, plan, with_angles, with_cubes, with_spacing
from modicum.planning.rivals import Rival

__all__ = ["Larger", "Plan", "Rival", "plan", "with_angles", "with_cubes", "with_spacing"]
