"""What the page asks about pictures: the list, pixels, labels, predictions, and the object in a box."""

from __future__ import annotations

import math
from functools import lru_cache, partial
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
from fastapi import APIRouter, Depends, Header, HTTPException, Request, Response
from pydantic import BaseModel

from modicum.errors import ModicumError
from modicum.web import labels, volumes
from modicum.web.collection import Entry, described
from modicum.web.encoding import as_png, thumbnail
from modicum.web.refining import lesson, refine
from modicum.web.studio import Studio, TheStudio
from modicum.web.trainings import Run

router = APIRouter(prefix="/api")

_KEPT = {"Cache-Control": "private, max-age=86400"}  # addresses carry the version of what they show
_ALWAYS_NEW = {"Cache-Control": "no-store"}


class Classes(BaseModel):
    """Names of the classes, in order of their number, and whether labels leave pixels unmarked (None: as they do).

    `known` are the names that the page began with: they may have changed meanwhile.
    """

    names: list[str]
    partly: bool | None = None
    known: list[str] | None = None


async def _pixels(request: Request) -> bytes:
    """The body, one byte a pixel; refused before it is read where it is too large."""
    if int(request.headers.get("content-length", labels.MOST_PIXELS + 1)) > labels.MOST_PIXELS:
        raise HTTPException(413, "more pixels than a label may have")
    return await request.body()


Pixels = Annotated[bytes, Depends(_pixels)]


@router.get("/data")
def data(studio: TheStudio) -> dict[str, Any]:
    """The data set as it is on disk now, and each picture with its state."""
    studio.collection.look_again()
    run = studio.trainings.newest_model()
    pictures = [_told(studio, entry, run) for entry in studio.collection.entries()]
    return {**described(studio.collection.dataset, studio.collection.root.name), "pictures": pictures}


@router.get("/pictures/{name}")
def picture(name: str, studio: TheStudio) -> dict[str, Any]:
    """One picture's state."""
    return _told(studio, studio.collection.entry(name), studio.trainings.newest_model())


@router.get("/pictures/{name}/thumbnail")
def small(name: str, studio: TheStudio) -> Response:
    """A small JPEG, with the label, or else the prediction, laid over it; of a volume the slice in which most is marked."""
    entry, run = studio.collection.entry(name), studio.trainings.newest_model()
    _refuse_broken(entry)
    predicted = studio.predictions.has(run, entry.case)
    return Response(_thumbnail(studio, name, _version(entry, run, predicted)), media_type="image/jpeg", headers=_KEPT)


@router.get("/pictures/{name}/image")
def image(name: str, studio: TheStudio) -> Response:
    """The picture as PNG, 8 bits, every pixel as it is on disk."""
    entry = studio.collection.entry(name)
    return Response(as_png(studio.collection.picture(entry.case)), media_type="image/png", headers=_KEPT)


@router.get("/pictures/{name}/windows")
def windows(name: str, studio: TheStudio) -> dict[str, Any]:
    """The least and greatest value of a volume, and windows by name, the usual one first."""
    volume = studio.collection.volume(studio.collection.entry(name).case)
    named = volumes.windows(volume)
    return {"least": float(np.nanmin(volume.values)), "greatest": float(np.nanmax(volume.values)), "windows": named}


@router.get("/pictures/{name}/slices/{number}")
def slice_values(name: str, number: int, studio: TheStudio) -> Response:
    """The values of a slice as they are on disk, little-endian float32, row after row."""
    volume = studio.collection.volume(studio.collection.entry(name).case)
    if not 0 <= number < len(volume.values):
        raise KeyError(number)
    values = volume.values[number].astype("<f4").tobytes()
    return Response(values, media_type="application/octet-stream", headers=_KEPT)


@router.get("/pictures/{name}/label")
def label(name: str, studio: TheStudio) -> Response:
    """Class numbers, one byte a pixel, row after row, slice after slice; 255 is unmarked. Saving must name the ETag.

    Without a label all is background, or unmarked where labels leave pixels so.
    """
    entry = studio.collection.entry(name)
    _refuse_broken(entry)
    tag = studio.collection.tag(entry.case)
    blank = np.full(entry.shape, labels.UNMARKED if studio.collection.partly else 0, np.uint8)
    numbers = studio.collection.numbers(entry.case) if entry.case.labelled else blank
    return _raw(numbers, {"ETag": f'"{tag}"'})


@router.put("/pictures/{name}/label")
def save_label(
    name: str, pixels: Pixels, studio: TheStudio, if_match: Annotated[str, Header()],
    origin: labels.Origin = "drawn", author: str = "", partly: bool | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Save class numbers, and tell the new tag; refused (412) where the label on disk is not the one that If-Match names.

    Refused for good (409) where class numbers mean something else by now.

    `partly` says whether the drawing began with pixels unmarked or with background: it may have changed meanwhile.
    """
    entry = studio.collection.entry(name)
    if partly not in (None, studio.collection.partly):
        raise ModicumError("whether labels leave pixels unmarked has changed meanwhile.", remedy="Reload the page.")
    numbers = _numbers(pixels, entry, studio)
    tag = studio.collection.save(entry.case, numbers, if_match.strip('"'), origin, author.strip()[:80])
    return {**_told(studio, studio.collection.entry(name), studio.trainings.newest_model()), "tag": f'"{tag}"'}


@router.get("/pictures/{name}/prediction")
def prediction(name: str, studio: TheStudio) -> Response:
    """Class numbers as the newest model sees them; the first time this takes as long as the network does."""
    return _raw(_predicted(studio, studio.collection.entry(name)), {})


@router.post("/pictures/{name}/refine")
def refined(
    name: str, pixels: Pixels, studio: TheStudio, top: int, left: int, bottom: int, right: int, number: int = 1,
    z: int = 0, low: float = 0.0, high: float = 1.0, learn: bool = False,
) -> Response:  # fmt: skip
    """The object (0 or 1, one byte a pixel of the box) that a box and its scribbles (1 outside, 2 inside) mean.

    In slice z of a volume, seen in the window from low to high. To `learn` takes seconds: the newest model is tuned to this
    picture first.
    """
    entry = studio.collection.entry(name)
    if not (0 <= top < bottom <= entry.height and 0 <= left < right <= entry.width):
        raise ModicumError("the box lies outside of the picture.")
    seeds = np.zeros((entry.height, entry.width), np.uint8)
    seeds[top:bottom, left:right] = _shaped(pixels, (bottom - top, right - left))
    if not 0 <= z < (entry.depth or 1):
        raise KeyError(z)
    run, sure, box = studio.trainings.newest_model(), None, (top, left, bottom, right)
    picture = studio.collection.picture(entry.case, z, (low, high))
    seen = run is not None and entry.depth is None and studio.predictions.has(run, entry.case)
    if learn and not seen:
        why = "no model has predicted this picture" if entry.depth is None else "models do not learn from slices of volumes"
        raise ModicumError(f"{why}.", remedy="Show a prediction (V) first." if entry.depth is None else "Scribble instead.")
    if run is not None and seen:
        ask = studio.predictions
        teach = partial(lesson, picture, seeds, box)
        sure = ask.tuned(run, entry.case, number, teach) if learn else ask.probability(run, entry.case, number)
    found = refine(picture, seeds, box, sure)
    return _raw(found[top:bottom, left:right].astype(np.uint8), {})


@router.put("/classes")
def name_classes(classes: Classes, studio: TheStudio) -> dict[str, Any]:
    """Rename classes, or add some; before the first label, say whether labels leave pixels unmarked.

    Refused (409) where the classes are not those that the page knows.
    """
    studio.collection.name_classes([n.strip() for n in classes.names], classes.partly, classes.known)
    return described(studio.collection.dataset, studio.collection.root.name)


@lru_cache(maxsize=2000)  # some 30 MB: many people look at the same pictures
def _thumbnail(studio: Studio, name: str, version: str) -> bytes:
    """Made once for each version of a picture and its mask."""
    entry = studio.collection.entry(name)
    found = studio.mask(entry, studio.trainings.newest_model())
    numbers, number = None if found is None else found.numbers, None
    if numbers is not None and numbers.ndim == 3:
        number = volumes.fullest(numbers)
        numbers = numbers[number]
    return thumbnail(studio.collection.picture(entry.case, number), numbers)


def _version(entry: Entry, run: Run | None, predicted: bool) -> str:
    """Changes with the picture, its label, or the model that has predicted it."""
    return entry.version + (f"-{run.number}" if run and predicted else "")


def _told(studio: Studio, entry: Entry, run: Run | None) -> dict[str, Any]:
    judged = studio.predictions.judged(run, entry.case)
    predicted = judged is not None
    return {
        "id": entry.case.id,
        "state": entry.state(predicted),
        "predicted": predicted,
        "depth": entry.depth,
        "height": entry.height,
        "width": entry.width,
        "version": _version(entry, run, predicted),
        "problem": entry.problem,
        "locked": "" if entry.problem else labels.why_not_editable(entry.case, studio.collection.dataset),
        "patient": entry.case.patient,
        **({} if judged is None else {"quality": judged.quality, "reasons": judged.reasons}),
        **entry.told,
    }


def _predicted(studio: Studio, entry: Entry) -> npt.NDArray[np.uint8]:
    run = studio.trainings.newest_model()
    if run is None:
        raise ModicumError("there is no model yet.", remedy="Train one first.")
    _refuse_broken(entry)
    return studio.predictions.numbers(run, entry.case, len(studio.collection.dataset.classes))


def _refuse_broken(entry: Entry) -> None:
    if entry.problem:
        raise ModicumError(entry.problem)


def _numbers(pixels: bytes, entry: Entry, studio: Studio) -> npt.NDArray[np.uint8]:
    numbers, classes = _shaped(pixels, entry.shape), len(studio.collection.dataset.classes)
    most = numbers.max(initial=0, where=numbers != labels.UNMARKED if studio.collection.partly else True)
    if most > classes:
        raise ModicumError(f"the label names class {most}, there are {classes}.")
    return numbers


def _shaped(pixels: bytes, shape: tuple[int, ...]) -> npt.NDArray[np.uint8]:
    if len(pixels) != math.prod(shape):
        raise ModicumError(f"{len(pixels)} pixels were sent, {math.prod(shape)} are needed.", remedy="Open the picture again.")
    return np.frombuffer(pixels, np.uint8).reshape(shape)


def _raw(numbers: npt.NDArray[np.uint8], headers: dict[str, str]) -> Response:
    return Response(numbers.tobytes(), media_type="application/octet-stream", headers={**_ALWAYS_NEW, **headers})
