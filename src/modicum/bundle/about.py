"""What `bundle.json` in a model's file must say, and which formats can be read."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, Field, ValidationError, model_validator

from modicum.errors import ModicumError
from modicum.images.intensity import Intensity
from modicum.inference.trust import Trust
from modicum.tables import explain

FORMAT = 5  # raised when older programs could no longer read the file; 5: ensembles
BEFORE_ENSEMBLES = 4  # preparations, finishing steps, classical methods: all models but ensembles are still written so


def file_of(path: Path) -> Path:
    """The file of a model that is named by itself or by the folder of its run."""
    inside = path / "model.modicum"
    return inside if inside.is_file() else path


class About(BaseModel):
    """What `bundle.json` must say."""

    classes: Annotated[tuple[str, ...], Field(min_length=1)]
    intensity: Intensity
    threshold: float
    label_values: tuple[Annotated[int, Field(ge=0, lt=2**16)], ...]
    provenance: dict[str, Any]
    weights_sha256: str
    low: float | None = None
    localiser_settings: dict[str, Any] = {}
    temperature: Annotated[float, Field(gt=0)] = 1.0
    trust: Trust | None = None

    @model_validator(mode="after")
    def _whole(self) -> About:
        intensity, trust = self.intensity, self.trust
        if not intensity.mean or len(intensity.mean) != len(intensity.sd) or len(self.classes) != len(self.label_values):
            raise ValueError("values are missing")
        if trust is None:
            return self
        weights = range(5) if trust.weights is None else trust.weights
        if not (trust.reach > 0 and len(trust.mean) == len(trust.sd) and trust.shapes and len(weights) == 5):
            raise ValueError("what it knows of its training pictures is not whole")
        return self


def known_format(about: Any, path: Path) -> About:
    """What `bundle.json` says, once it is known that this program can read the rest; older programs need not know all of it.

    Raises:
        ModicumError: written by a newer version.
        ValueError: not what a bundle says.
    """
    if not isinstance(about, dict) or not isinstance(about.get("format"), int):
        raise ValueError("bundle.json names no format")
    if about["format"] > FORMAT:
        raise ModicumError(
            f"the bundle has format {about['format']}, this version of Modicum reads up to {FORMAT}.",
            file=path,
            remedy="Update Modicum: pip install --upgrade modicum",
        )
    if about["format"] < 3:
        raise ModicumError("an early version of Modicum made this bundle.", file=path, remedy="Train it again.")
    try:
        return About.model_validate(about)
    except ValidationError as error:
        raise ValueError(explain(error, (), "bundle.json").problem) from None
