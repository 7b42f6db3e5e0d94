"""From a fingerprint to a recipe."""

from modicum.planning.plan import Plan, plan

__all__ = ["Plan", "plan"]
