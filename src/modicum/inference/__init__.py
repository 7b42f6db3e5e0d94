"""From a trained network to probability maps and masks."""

from modicum.inference.ensemble import Ensemble
from modicum.inference.localisers import FromHeatmap, FromMask
from modicum.inference.segmenter import Localiser, Look, Predictor, Rough, Segmenter, ready

__all__ = ["Ensemble", "FromHeatmap", "FromMask", "Localiser", "Look", "Predictor", "Rough", "Segmenter", "ready"]
