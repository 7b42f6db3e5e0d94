"""Recipes: what is trained, and how, as data."""

from modicum.recipes.budgets import minutes_of
from modicum.recipes.load import change, checked, dump, load, names, plain, unchecked
from modicum.recipes.schema import WITHOUT_WHOLE_MASKS, Recipe

__all__ = ["WITHOUT_WHOLE_MASKS", "Recipe", "change", "checked", "dump", "load", "minutes_of", "names", "plain", "unchecked"]
