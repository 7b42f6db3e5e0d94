"""Who may ask: this computer alone, or whoever has the token; and never a page from elsewhere."""

from __future__ import annotations

import hashlib
import hmac
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import JSONResponse, RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK = ("127.0.0.1", "localhost", "::1")

_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' blob: data:; style-src 'self' 'unsafe-inline'; "
    "frame-ancestors 'self'; base-uri 'none'; form-action 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Guard:
    """Around the whole application.

    Args:
        token: None: only requests that name this computer are answered, so that a page from elsewhere cannot reach the
            server under a name of its own (DNS rebinding); else only those that carry the token, once in the address
            and in a cookie from then on.
    """

    def __init__(self, app: ASGIApp, token: str | None) -> None:
        self._app = app
        self._token = token
        of_this_page = hashlib.sha256((token or "").encode()).hexdigest()[:12]
        self._cookie = f"modicum-{of_this_page}"  # cookies know no ports: other pages of this computer have their own

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        if reason := self._refusal(scope, headers):
            await JSONResponse({"message": reason}, status_code=403)(scope, receive, send)
            return
        if self._token is not None and _given(scope) is not None:
            response = RedirectResponse(scope["path"])
            response.set_cookie(self._cookie, self._token, httponly=True, samesite="strict")
            await response(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                sent = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    sent.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_guarded)

    def _refusal(self, scope: Scope, headers: Headers) -> str:
        host, origin = headers.get("host", ""), headers.get("origin")
        if origin is not None and urlsplit(origin).netloc != host:
            return "The request comes from another page."
        if self._token is None:
            return "" if urlsplit(f"//{host}").hostname in LOOPBACK else "This page is for this computer alone."
        given = _given(scope)
        if given is None:
            given = cookie_parser(headers.get("cookie", "")).get(self._cookie, "")
        wrong = "Open the whole address that `modicum serve` has written, with its token."
        return "" if hmac.compare_digest(given.encode(), self._token.encode()) else wrong


def _given(scope: Scope) -> str | None:
    """The token of an address."""
    found = parse_qs(scope["query_string"].decode("latin-1")).get("token")
    return found[0] if found else None
