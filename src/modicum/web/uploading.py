"""Pictures that are dropped on the page join the data set."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from fastapi import APIRouter, HTTPException, Request

from modicum.datasets.layouts.found import stem
from modicum.errors import ModicumError
from modicum.images import is_picture, picture_size
from modicum.images.volumes import cached_grid, is_volume
from modicum.web.studio import Studio, TheStudio

router = APIRouter(prefix="/api")

_MOST_BYTES = 2**29  # of a file
_TOO_LARGE = f"a file of more than {_MOST_BYTES // 2**20} MB is not taken here: copy it into the folder"


@router.post("/pictures")
async def upload(name: str, request: Request, studio: TheStudio) -> dict[str, Any]:
    """Put a file among the pictures; refused where it is too large (before it is read), no picture, or there already."""
    if int(request.headers.get("content-length", 0)) > _MOST_BYTES:
        raise HTTPException(413, _TOO_LARGE)
    path = _place(studio, name)
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        size = 0
        with unfinished.open("xb") as file:
            async for chunk in request.stream():
                size += len(chunk)
                if size > _MOST_BYTES:
                    raise HTTPException(413, _TOO_LARGE)
                file.write(chunk)
        _take_up(studio, unfinished, path)
    except FileExistsError:
        raise ModicumError("is being sent by somebody else.", file=path) from None
    finally:
        unfinished.unlink(missing_ok=True)
    return {"name": path.name}


def _place(studio: Studio, name: str) -> Path:
    """Where a file of that name belongs: where most of the pictures are.

    Raises:
        ModicumError: it is no name, no kind of picture, or there already.
    """
    if not name or name != Path(name).name or "\\" in name or name.startswith(".") or not name.isprintable():
        raise ModicumError(f"'{name}' is no name of a file.")
    path = Path(name)
    if not is_picture(path) and not is_volume(path):
        raise ModicumError("is no kind of picture that is known.", file=path, remedy="Save it as PNG, JPEG, TIFF, NIfTI ...")
    root = studio.collection.root
    folders = Counter(c.image.parent for c in studio.collection.dataset.cases if c.image.parent.resolve().is_relative_to(root))
    folder = folders.most_common(1)[0][0] if folders else root
    if (folder / name).exists() or stem(path) in {stem(c.image) for c in studio.collection.dataset.cases}:
        raise ModicumError("a picture of this name is there already.", file=path, remedy="Give it another name.")
    return folder / name


def _take_up(studio: Studio, sent: Path, path: Path) -> None:
    """Into its place, and out of it again where it cannot be read or the layout of the data set has no place for it."""
    sent.rename(path)
    try:
        cached_grid(path) if is_volume(path) else picture_size(path)
        studio.collection.look_again()
        if not any(case.image == path for case in studio.collection.dataset.cases):
            raise ModicumError(f"the layout of this data set ({studio.collection.dataset.layout}) has no place for it.")
    except ModicumError as error:
        path.unlink()
        studio.collection.look_again()
        raise ModicumError(error.problem, file=path.name, remedy=error.remedy) from None
