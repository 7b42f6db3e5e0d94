"""What the page asks about trainings: start, watch, stop, go on, the report, the model."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

from fastapi import APIRouter
from fastapi.responses import FileResponse, StreamingResponse
from pydantic import BaseModel

from modicum.web.studio import TheStudio
from modicum.web.trainings import Run
from modicum.web.trainings import recipes as all_recipes

router = APIRouter(prefix="/api")

_SECONDS = 1.0  # between two looks at a run folder
_REPORT = {  # a report holds its own pictures and script; it may not ask for anything else
    "Content-Security-Policy": "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
    "frame-ancestors 'self'; sandbox allow-scripts",
}


class Wish(BaseModel):
    """What is to be trained."""

    recipe: str = "auto"
    minutes: float = 2.0
    onward: bool = False  # from the newest model


@router.get("/recipes")
def recipes() -> list[str]:
    """Names of the recipes, `auto` first."""
    return all_recipes()


@router.get("/runs")
def runs(studio: TheStudio) -> list[dict[str, Any]]:
    """All trainings, the newest first."""
    return [run.told() for run in reversed(studio.trainings.all())]


@router.post("/runs")
def start(wish: Wish, studio: TheStudio) -> dict[str, Any]:
    """Begin a training on all labels that are there now."""
    studio.collection.look_again()
    labelled = studio.collection.dataset.labelled
    count, tested = len({c.volume or c.id for c in labelled}), any(c.part == "test" for c in labelled)
    return studio.trainings.start(wish.recipe, wish.minutes, count, tested=tested, onward=wish.onward).told()


@router.post("/runs/{number}/stop")
def stop(number: int, studio: TheStudio) -> dict[str, Any]:
    """Stop a training; it can go on later."""
    run = studio.trainings.run(number)
    run.stop()
    return run.told()


@router.post("/runs/{number}/resume")
def resume(number: int, studio: TheStudio) -> dict[str, Any]:
    """Let a stopped training go on."""
    return studio.trainings.resume(number).told()


@router.get("/runs/{number}/events")
async def events(number: int, studio: TheStudio) -> StreamingResponse:
    """Server-sent events: the training as it is, whenever something of it changes, until it ends."""
    return StreamingResponse(_watched(studio.trainings.run(number)), media_type="text/event-stream")


@router.get("/runs/{number}/report")
def report(number: int, studio: TheStudio) -> FileResponse:
    """The report of a finished training."""
    return FileResponse(_existing(studio.trainings.run(number), "report.html"), headers=_REPORT)


@router.get("/runs/{number}/samples")
def samples(number: int, studio: TheStudio) -> FileResponse:
    """A few square pictures side by side, with what the network in training says of them now."""
    path = studio.trainings.run(number).samples
    if path is None:
        raise KeyError("samples")
    return FileResponse(path)


@router.get("/runs/{number}/model")
def model(number: int, studio: TheStudio) -> FileResponse:
    """The model as one file that travels."""
    path = _existing(studio.trainings.run(number), "model.modicum")
    name = f"{studio.collection.root.name}-{number}.modicum"
    return FileResponse(path, filename=name, media_type="application/octet-stream")


async def _watched(run: Run) -> AsyncIterator[str]:
    sent = ""
    while True:
        told = await asyncio.to_thread(run.told)
        now = json.dumps(told)
        yield f"data: {now}\n\n" if now != sent else ": still here\n\n"
        sent = now
        if told["state"] != "running":
            return
        await asyncio.sleep(_SECONDS)


def _existing(run: Run, name: str) -> Any:
    path = run.folder / name
    if not path.exists():
        raise KeyError(name)
    return path
