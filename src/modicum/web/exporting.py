"""What leaves the page: the masks of all pictures in one archive, and what they measure as a table."""

from __future__ import annotations

import csv
import io
import math
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import quote

import numpy as np
from fastapi import APIRouter
from fastapi.responses import Response, StreamingResponse
from scipy import ndimage

from modicum.errors import ModicumError
from modicum.images.volumes import cached_grid
from modicum.web import labels
from modicum.web.collection import Entry
from modicum.web.encoding import as_png
from modicum.web.studio import Studio, TheStudio
from modicum.web.trainings import Run

router = APIRouter(prefix="/api/export")

_IN_MEMORY = 2**26  # bytes; larger archives are written to a temporary file
_COLUMNS = ("picture", "patient", "mask", "expected_dice", "class", "area_px", "area_share", "pieces", "volume_ml")


@router.get("/measurements.csv")
def measurements(studio: TheStudio) -> Response:
    """A row for each picture and class that has a mask: a label, or else a prediction that was made.

    Of a volume, `area_px` and `area_share` count voxels, and there are millilitres.
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, _COLUMNS, lineterminator="\n")
    writer.writeheader()
    run = studio.trainings.newest_model()
    for entry in studio.collection.entries():
        with suppress(ModicumError):  # the archive says what is wrong with it
            writer.writerows(_measured(studio, entry, run))
    return Response(text.getvalue(), media_type="text/csv", headers=_as_file(studio, "measurements.csv"))


@router.get("/masks.zip")
def masks(studio: TheStudio) -> StreamingResponse:
    """The same masks: labels as they are on disk, predictions with the values that labels have here.

    Predictions of pictures are PNG, those of volumes have class numbers and their own format and geometry.
    `problems.txt` names what cannot be read.
    """
    run, problems = studio.trainings.newest_model(), []
    file = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 - closed when it was sent
    with zipfile.ZipFile(file, "w", strict_timestamps=False) as archive:
        for entry in studio.collection.entries():
            try:
                found = studio.mask(entry, run)
            except ModicumError as error:
                problems.append(f"{entry.case.id}: {error}\n")
                continue
            if found is None:
                continue
            for label in entry.case.labels:
                name, parts = f"{found.origin}/{label.name}", label.resolve().relative_to(studio.collection.root).parts
                archive.write(label, f"{found.origin}/{'_'.join(parts)}" if name in archive.namelist() else name)
            if run is not None and not entry.case.labelled and entry.depth is not None:
                path = studio.predictions.path(run, entry.case)
                archive.write(path, f"{found.origin}/{path.name}")
            elif not entry.case.labelled:
                values = labels.encoded(found.numbers, studio.collection.dataset.code)
                archive.writestr(f"{found.origin}/{entry.case.id}.png", as_png(values))
        if problems:
            archive.writestr("problems.txt", "".join(problems))
    file.seek(0)

    def sent() -> Iterator[bytes]:
        with file:
            while chunk := file.read(2**20):
                yield chunk

    return StreamingResponse(sent(), media_type="application/zip", headers=_as_file(studio, "masks.zip"))


def _measured(studio: Studio, entry: Entry, run: Run | None) -> Iterator[dict[str, object]]:
    found = studio.mask(entry, run)
    if found is None:
        return
    case, classes = entry.case, studio.collection.dataset.classes
    voxel = None if entry.depth is None else math.prod(cached_grid(case.image).spacing) / 1000
    for number, name in enumerate(classes, 1):
        mask = found.numbers == number
        area = int(mask.sum())
        yield {
            "picture": _harmless(case.id),
            "patient": _harmless(case.patient),
            "mask": found.origin,
            "expected_dice": "" if found.quality is None else round(found.quality, 3),
            "class": name,
            "area_px": area,
            "area_share": round(area / mask.size, 6),
            "pieces": int(ndimage.label(mask, np.ones((3,) * mask.ndim))[1]),
            "volume_ml": "" if voxel is None else round(area * voxel, 4),
        }


def _harmless(text: str) -> str:
    """What a spreadsheet would take for a formula, as words."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@")) else text


def _as_file(studio: Studio, name: str) -> dict[str, str]:
    """As an attachment; a folder's name may hold anything, a header only ASCII."""
    return {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(f'{studio.collection.root.name}-{name}')}"}
