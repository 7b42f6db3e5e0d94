"""Atlases: labelled pictures are registered with a new one, and their labels, warped, vote."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

import cv2
import numpy as np
from pydantic import Field

from modicum.classical.responses import one_channel
from modicum.classical.table import METHODS, Floats, Pixels, State
from modicum.views import TrainingPicture

if TYPE_CHECKING:
    import SimpleITK as sitk


@METHODS.register("atlas", "Heckemann et al. 2006; Rueckert et al. 1999; Warfield et al. 2004 (SYSTEMS E1)")
@dataclass(frozen=True, kw_only=True)
class Atlases:
    """The training pictures most like a new one, aligned by an affine and a B-spline registration (SimpleITK).

    Args:
        atlases: that many vote.
        size: pixels of the longer side at which pictures are registered.
        mesh: B-spline cells along each side; 0: affine only.
        fusion: the share of votes, or STAPLE, which trusts some atlases more than others.
    """

    atlases: Annotated[int, Field(ge=1)] = 5
    size: Annotated[int, Field(ge=32)] = 128
    mesh: Annotated[int, Field(ge=0)] = 5
    fusion: Literal["votes", "staple"] = "votes"

    @property
    def several(self) -> bool:
        return True

    def fit(self, pictures: Sequence[TrainingPicture], classes: int, seed: int) -> State:
        side = (self.size, self.size)
        labels = [cv2.resize(p.label, side, interpolation=cv2.INTER_NEAREST_EXACT) for p in pictures]
        return {
            "pictures": np.stack([self._small(p.image) for p in pictures]),
            "labels": np.stack(labels),
            "classes": np.array([classes]),
        }

    def probabilities(self, pixels: Pixels, state: State) -> Floats:
        new = self._small(pixels)
        alike = np.argsort([-_correlation(new, old) for old in state["pictures"]], kind="stable")[: self.atlases]
        warped = [self._warped(new, state["pictures"][i], state["labels"][i]) for i in alike]
        votes = np.stack([self._fused([w == k for w in warped]) for k in range(1, int(state["classes"][0]) + 1)])
        votes /= np.maximum(votes.sum(axis=0), 1)
        size = (pixels.shape[1], pixels.shape[0])
        return np.stack([cv2.resize(v, size, interpolation=cv2.INTER_LINEAR) for v in votes])

    def _small(self, pixels: Pixels) -> Any:
        """A square of the picture's luminance: registration undoes the change of its aspect."""
        grey = cv2.resize(one_channel(pixels), (self.size, self.size), interpolation=cv2.INTER_AREA)
        return cv2.GaussianBlur(grey, (0, 0), 1.0)

    def _warped(self, new: Any, old: Any, label: Any) -> Any:
        """The label (size, size) of one atlas, as it lies on the new picture."""
        import SimpleITK as sitk

        fixed, moving = sitk.GetImageFromArray(new), sitk.GetImageFromArray(old)
        by: sitk.Transform = sitk.CenteredTransformInitializer(
            fixed, moving, sitk.AffineTransform(2), sitk.CenteredTransformInitializerFilter.GEOMETRY
        )
        by = _registered(fixed, moving, by, fine=False)
        if self.mesh:
            cells = sitk.BSplineTransformInitializer(fixed, [self.mesh] * 2)
            moved = sitk.Resample(moving, fixed, by, sitk.sitkLinear, float(old.mean()))
            bent = _registered(fixed, moved, cells, fine=True)
            by = sitk.CompositeTransform([by, bent])
        found = sitk.Resample(sitk.GetImageFromArray(label), fixed, by, sitk.sitkNearestNeighbor, 0)
        return np.asarray(sitk.GetArrayFromImage(found))

    def _fused(self, masks: Sequence[Any]) -> Floats:
        """(size, size), 0 to 1."""
        if self.fusion == "votes" or not any(m.any() for m in masks):
            return np.asarray(np.mean(masks, axis=0), np.float32)
        import SimpleITK as sitk

        trusted = sitk.STAPLE([sitk.GetImageFromArray(m.astype(np.uint8)) for m in masks], 1.0)
        return np.asarray(np.nan_to_num(sitk.GetArrayFromImage(trusted)), np.float32)


def _registered(fixed: sitk.Image, moving: sitk.Image, start: sitk.Transform, *, fine: bool) -> sitk.Transform:
    """The transform from the fixed to the moving picture; the start where the two have nothing in common."""
    import SimpleITK as sitk

    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(32)
    method.SetMetricSamplingStrategy(method.NONE)  # every pixel: nothing is left to chance
    method.SetInterpolator(sitk.sitkLinear)
    if fine:
        method.SetOptimizerAsLBFGSB(numberOfIterations=30, maximumNumberOfFunctionEvaluations=60)
    else:
        method.SetOptimizerAsRegularStepGradientDescent(learningRate=2.0, minStep=1e-3, numberOfIterations=60)
        method.SetOptimizerScalesFromPhysicalShift()
        method.SetShrinkFactorsPerLevel([4, 2])
        method.SetSmoothingSigmasPerLevel([2.0, 1.0])
    method.SetInitialTransform(start, inPlace=False)
    try:
        found: sitk.Transform = method.Execute(fixed, moving)
    except RuntimeError:
        return start
    return found


def _correlation(one: Any, other: Any) -> float:
    correlation = float(np.corrcoef(one.ravel(), other.ravel())[0, 1])
    return -1.0 if math.isnan(correlation) else correlation
