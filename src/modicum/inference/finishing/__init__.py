"""Finishing steps, from class numbers to better ones. A new family of them is one file and one line here."""

from modicum.inference.finishing import components as _components
from modicum.inference.finishing import contours as _contours
from modicum.inference.finishing import field as _field
from modicum.inference.finishing import guided as _guided
from modicum.inference.finishing import morphology as _morphology
from modicum.inference.finishing import tissue as _tissue
from modicum.inference.finishing import vessels as _vessels
from modicum.inference.finishing.table import FINISHERS, Evidence, Finisher, finished

__all__ = ["FINISHERS", "Evidence", "Finisher", "finished"]
