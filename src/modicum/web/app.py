"""The application: the studio behind it, what it answers when something is wrong, and the files of the page."""

from __future__ import annotations

from pathlib import Path

from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import FileResponse, JSONResponse
from fastapi.staticfiles import StaticFiles
from starlette.middleware import Middleware

from modicum.errors import ModicumError
from modicum.web import exporting, pictures, training, uploading
from modicum.web.guard import Guard
from modicum.web.labels import OtherClasses, Outdated
from modicum.web.studio import Studio

STATIC = Path(__file__).parent / "static"


def create_app(data: Path, token: str | None = None) -> FastAPI:
    """The page for a data folder.

    Args:
        token: what requests must carry; None: only this computer may ask.

    Raises:
        ModicumError: the folder holds no data set that is understood.
    """
    app = FastAPI(title="Modicum", docs_url=None, redoc_url=None, openapi_url=None, middleware=[Middleware(Guard, token=token)])
    app.state.studio = Studio(data)
    app.include_router(pictures.router)
    app.include_router(training.router)
    app.include_router(uploading.router)
    app.include_router(exporting.router)
    app.add_exception_handler(ModicumError, _bad_input)
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(KeyError, _unknown)
    app.add_exception_handler(Outdated, _outdated)
    app.add_exception_handler(OtherClasses, _other_classes)
    app.add_exception_handler(OSError, _disk)
    app.mount("/static", StaticFiles(directory=STATIC))

    @app.get("/")
    def page() -> FileResponse:
        return FileResponse(STATIC / "index.html", headers={"Cache-Control": "no-cache"})

    return app


async def _bad_input(request: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"message": str(error)}, status_code=422)


async def _refused(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    return JSONResponse({"message": error.detail}, status_code=error.status_code)


async def _unknown(request: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"message": f"There is nothing called {error} here; the folder may have changed."}, status_code=404)


async def _outdated(request: Request, error: Exception) -> JSONResponse:
    message = "Somebody else has saved a label for this picture since you opened it."
    return JSONResponse({"message": message}, status_code=412)


async def _other_classes(request: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"message": "The classes have changed meanwhile; reload the page."}, status_code=409)


async def _disk(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, OSError)
    return JSONResponse({"message": f"{error.filename or 'a file'}: {error.strerror or error}"}, status_code=500)
