"""Recipes: what is trained, and how, as data."""

from modicum.recipes.load import change, checked, dump, load, names, plain, unchecked
from modicum.recipes.schema import Recipe

__all__ = ["Recipe", "change", "checked", "dump", "load", "names", "plain", "unchecked"]
