"""From what the data are to what is trained."""

from modicum.planning.plan import Plan, plan, with_angles, with_cubes

__all__ = ["Plan", "plan", "with_angles", "with_cubes"]
