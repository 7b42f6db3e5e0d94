"""From what the data are to what is trained."""

from modicum.planning.plan import Plan, plan, with_angles, with_cubes, with_spacing

__all__ = ["Plan", "plan", "with_angles", "with_cubes", "with_spacing"]
