"""Pictures that are dropped on the page join the data set."""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from fastapi import APIRouter, HTTPException, Request
from fastapi.concurrency import run_in_threadpool

from modicum.errors import ModicumError
from modicum.images import is_picture, read_picture
from modicum.images.formats import picture_suffix
from modicum.images.volumes import is_volume, read_volume
from modicum.web.studio import Studio, TheStudio

router = APIRouter(prefix="/api")

_MOST_BYTES = 2**29  # of a file
_IN_TWO = (".mhd", ".nhdr")  # headers that name the file in which their data are: any of this computer
_IN_ONE = (".mha", ".nrrd")  # those that may, and need not
_TOO_LARGE = f"a file of more than {_MOST_BYTES // 2**20} MB is not taken here: copy it into the folder"


@router.post("/pictures")
async def upload(name: str, request: Request, studio: TheStudio) -> dict[str, Any]:
    """Put a file among the pictures; refused where it is too large (before it is read), no picture, or there already."""
    if int(request.headers.get("content-length", 0)) > _MOST_BYTES:
        raise HTTPException(413, _TOO_LARGE)
    path, size = _place(studio, name), 0
    studio.workshop.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=studio.workshop) as own:
        sent = Path(own) / path.name
        with sent.open("xb") as file:
            async for chunk in request.stream():
                size += len(chunk)
                if size > _MOST_BYTES:
                    raise HTTPException(413, _TOO_LARGE)
                await run_in_threadpool(file.write, chunk)
        await run_in_threadpool(_take_up, studio, sent, path)
    return {"name": path.name}


def _place(studio: Studio, name: str) -> Path:
    """Where a file of that name belongs: where most of the pictures are.

    Raises:
        ModicumError: it is no name, no kind of picture, or there already.
    """
    if not name or name != Path(name).name or "\\" in name or name.startswith(".") or not name.isprintable():
        raise ModicumError(f"'{name}' is no name of a file.")
    path = Path(name)
    if path.suffix.lower() == ".dcm":
        raise ModicumError(
            "is one file of a DICOM series.", file=path, remedy="Copy the series into a folder of its own there."
        )
    if path.suffix.lower() in _IN_TWO:
        raise _names_another(path)
    if not is_picture(path) and not is_volume(path):
        raise ModicumError("is no kind of picture that is known.", file=path, remedy="Save it as PNG, JPEG, TIFF, NIfTI ...")
    root = studio.collection.root
    folders = Counter(c.image.parent for c in studio.collection.dataset.cases if c.image.parent.resolve().is_relative_to(root))
    folder = folders.most_common(1)[0][0] if folders else root
    if (folder / name).exists():
        raise ModicumError("a picture of this name is there already.", file=path, remedy="Give it another name.")
    return folder / name


def _take_up(studio: Studio, sent: Path, path: Path) -> None:
    """Into its place, if it can be read; and out of it again where the layout has none, or it takes another's name or label."""
    if picture_suffix(sent) in _IN_ONE:
        from modicum.images.volumes.itk import names_another

        if names_another(sent):
            raise _names_another(Path(path.name))
    try:
        read_volume(sent) if is_volume(sent) else read_picture(sent)
    except ModicumError as error:
        raise ModicumError(error.problem, file=path.name, remedy=error.remedy) from None
    before = _labels(studio)
    try:
        os.link(sent, path)  # never over a file that has appeared meanwhile
    except FileExistsError:
        raise ModicumError("a picture of this name is there already.", file=path.name) from None
    except OSError:  # a file system without links
        sent.rename(path)
    studio.collection.look_again()
    now = _labels(studio)
    unharmed = all(case in now and labels <= now[case] for case, labels in before.items())  # others may save labels meanwhile
    if unharmed and any(image == path for image, _ in now):
        return
    path.unlink()
    studio.collection.look_again()
    if unharmed:
        raise ModicumError(
            f"the layout of this data set ({studio.collection.dataset.layout}) has no place for it.", file=path.name
        )
    raise ModicumError("it would take another picture's name or label.", file=path.name, remedy="Give it another name.")


def _names_another(path: Path) -> ModicumError:
    remedy = "Save it as one file (NIfTI, or MHA or NRRD with the data in it), or copy both files into the folder."
    return ModicumError("has its data in another file.", file=path, remedy=remedy)


def _labels(studio: Studio) -> dict[tuple[Path, str], frozenset[Path]]:
    """The labels of every picture, by its file and name."""
    return {(c.image, c.id): frozenset(c.labels) for c in studio.collection.dataset.cases}
