"""Longshore's HTTP API, as far as the demo needs it.

Invariants: the token travels in the header only; a refusal becomes a `Problem` in the
API's own words (application/problem+json). Deliberately not here: the real client.
"""

from __future__ import annotations

import http.client
import json
import time
import urllib.error
import urllib.request
from typing import Any, Dict, Iterator, Optional

from console import Problem

_PATIENCE = 30.0


class Refusal(Problem):
    """The API said no."""

    def __init__(self, status: int, code: str, message: str, hint: Optional[str]) -> None:
        super().__init__(message, hint)
        self.status = status
        self.code = code


class Api:
    """The API at `url`, as whoever the token belongs to."""

    def __init__(self, url: str, token: str) -> None:
        self.url = url
        self._token = token

    def get(self, path: str) -> Any:
        """Reads; asks again for a while when the API does not answer."""
        deadline = time.monotonic() + _PATIENCE
        while True:
            try:
                return self._request("GET", path, None)
            except (OSError, http.client.HTTPException) as why:
                if time.monotonic() > deadline:
                    raise Problem(
                        f"the API at {self.url} does not answer: {why}", "see `make status`"
                    ) from None
                time.sleep(0.5)

    def items(self, path: str) -> Iterator[Dict[str, Any]]:
        """Every item of a list, page by page."""
        cursor = None
        while True:
            page = self.get(path if cursor is None else f"{path}?cursor={cursor}")
            yield from page["items"]
            cursor = page.get("next_cursor")
            if not cursor:
                return

    def post(self, path: str, body: Dict[str, Any]) -> Any:
        """Asks for something."""
        try:
            return self._request("POST", path, body)
        except (OSError, http.client.HTTPException) as why:
            raise Problem(f"the API at {self.url} does not answer: {why}", "see `make status`") from None

    def _request(self, method: str, path: str, body: Optional[Dict[str, Any]]) -> Any:
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        asked = urllib.request.Request(self.url + path, data=data, method=method, headers=headers)
        try:
            with urllib.request.urlopen(asked, timeout=30) as answer:
                return json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as why:
            raise _refusal(method, path, why) from None


def _refusal(method: str, path: str, answer: urllib.error.HTTPError) -> Refusal:
    try:
        told = json.loads(answer.read())
    except ValueError:
        told = {}
    told = told if isinstance(told, dict) else {}
    code = str(told.get("code", "unknown"))
    words = told.get("detail") or told.get("title") or answer.reason
    fields = "; ".join(f"{e.get('field')}: {e.get('detail')}" for e in told.get("errors") or [])
    message = f"{method} {path} was refused ({answer.code}, {code}): {words}" + (
        f" [{fields}]" if fields else ""
    )
    return Refusal(answer.code, code, message, told.get("hint"))
