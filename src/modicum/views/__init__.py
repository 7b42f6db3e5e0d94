"""What a network sees of a picture, and the way back. A new view is one file and one line here."""

from modicum.views import centred as _centred
from modicum.views import crops as _crops
from modicum.views import intensity_range as _intensity_range
from modicum.views import patches as _patches
from modicum.views import polar as _polar
from modicum.views import whole as _whole
from modicum.views.places import Place
from modicum.views.view import VIEWS, Glimpse, TrainingPicture, View

__all__ = ["VIEWS", "Glimpse", "Place", "TrainingPicture", "View"]
