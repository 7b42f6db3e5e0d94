"""From a trained network to probability maps and masks."""

from modicum.inference.ensemble import Ensemble
from modicum.inference.localisers import FromHeatmap, FromMask
from modicum.inference.rescaled import Rescaled, at_scale
from modicum.inference.segmenter import Localiser, Look, Predictor, Rough, Segmenter, ready
from modicum.inference.tuning import tuned

__all__ = [
    "Ensemble",
    "FromHeatmap",
    "FromMask",
    "Localiser",
    "Look",
    "Predictor",
    "Rescaled",
    "Rough",
    "Segmenter",
    "at_scale",
    "ready",
    "tuned",
]
