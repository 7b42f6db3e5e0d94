"""What leaves the page: the masks of all pictures in one archive, and what they measure as a table."""

from __future__ import annotations

import csv
import io
import tempfile
import zipfile
from collections.abc import Iterator
from urllib.parse import quote

import cv2
import numpy as np
from fastapi import APIRouter
from fastapi.responses import Response, StreamingResponse

from modicum.images.volumes import cached_grid
from modicum.web import labels
from modicum.web.collection import Entry, as_png
from modicum.web.studio import Studio, TheStudio

router = APIRouter(prefix="/api/export")

_IN_MEMORY = 2**26  # bytes; larger archives are written to a temporary file
_COLUMNS = ("picture", "patient", "mask", "expected_dice", "class", "area_px", "area_share", "objects", "area_mm2")


@router.get("/measurements.csv")
def measurements(studio: TheStudio) -> Response:
    """A row for each picture and class that has a mask: a label, or else a prediction that was made."""
    text = io.StringIO()
    writer = csv.DictWriter(text, _COLUMNS, lineterminator="\n")
    writer.writeheader()
    for entry in studio.collection.entries():
        writer.writerows(_measured(studio, entry))
    return Response(text.getvalue(), media_type="text/csv", headers=_as_file(studio, "measurements.csv"))


@router.get("/masks.zip")
def masks(studio: TheStudio) -> StreamingResponse:
    """The same masks as PNG files, with the values that the labels of the data set have."""
    file = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 - closed when it was sent
    with zipfile.ZipFile(file, "w") as archive:
        for entry in studio.collection.entries():
            if (found := studio.mask(entry)) is not None:
                values = labels.encoded(found.numbers, studio.collection.dataset.code)
                archive.writestr(f"{found.origin}/{entry.case.id}.png", as_png(values))
    file.seek(0)

    def sent() -> Iterator[bytes]:
        with file:
            while chunk := file.read(2**20):
                yield chunk

    return StreamingResponse(sent(), media_type="application/zip", headers=_as_file(studio, "masks.zip"))


def _measured(studio: Studio, entry: Entry) -> Iterator[dict[str, object]]:
    found = studio.mask(entry)
    if found is None:
        return
    case, classes = entry.case, studio.collection.dataset.classes
    spacing = None if case.slice is None else cached_grid(case.image).spacing
    for number, name in enumerate(classes, 1):
        mask = found.numbers == number
        area = int(mask.sum())
        yield {
            "picture": case.id,
            "patient": case.patient,
            "mask": found.origin,
            "expected_dice": "" if found.quality is None else round(found.quality, 3),
            "class": name,
            "area_px": area,
            "area_share": round(area / mask.size, 6),
            "objects": cv2.connectedComponents(mask.astype(np.uint8))[0] - 1,
            "area_mm2": "" if spacing is None else round(area * spacing[1] * spacing[2], 3),
        }


def _as_file(studio: Studio, name: str) -> dict[str, str]:
    """As an attachment; a folder's name may hold anything, a header only ASCII."""
    return {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(f'{studio.collection.root.name}-{name}')}"}
