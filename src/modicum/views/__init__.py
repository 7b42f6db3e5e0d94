"""What a network sees of a picture, and the way back. A new view is one file and one line here."""

from modicum.views import patches as _patches
from modicum.views import whole as _whole
from modicum.views.fusion import fuse
from modicum.views.view import VIEWS, TrainingPicture, View

__all__ = ["VIEWS", "TrainingPicture", "View", "fuse"]
