"""`modicum serve`: the page on this computer, for as long as the command runs."""

from __future__ import annotations

import secrets
import socket
import webbrowser
from importlib import import_module
from pathlib import Path
from threading import Thread, Timer

import uvicorn

from modicum.console import say
from modicum.errors import ModicumError
from modicum.web.app import create_app
from modicum.web.guard import LOOPBACK


def serve(data: Path, host: str, port: int, *, browser: bool) -> None:
    """Open the page for a data folder; trainings that it has started go on after it.

    Args:
        host: other than this computer's own names, the address gets a token.
        port: 0 for any that is free.

    Raises:
        ModicumError: no data set that is understood, or an address that cannot be used.
    """
    token = None if host in LOOPBACK else secrets.token_urlsafe(24)
    app = create_app(data, token)
    listening = _listening(host, port)
    shown = f"[{host}]" if ":" in host else host
    address = f"http://{shown}:{listening.getsockname()[1]}/" + (f"?token={token}" if token else "")
    say(f"The page: {address}   (Ctrl-C ends it; a training goes on)")
    if browser:
        Timer(0.5, webbrowser.open, [address]).start()
    Thread(target=import_module, args=["modicum.bundle"], daemon=True).start()  # Torch: nobody waits for it later
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1, server_header=False))
    server.run(sockets=[listening])


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        remedy = "Choose another with --port, or --port 0 for any that is free."
        raise ModicumError(f"{host}:{port} cannot be used ({error.strerror or error}).", remedy=remedy) from None
