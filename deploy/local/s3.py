"""Signed requests to an S3 server on 127.0.0.1: just enough to make a bucket.

AWS Signature Version 4, path style, empty bodies. Deliberately not here: objects,
retries, anything that Longshore's own S3 client does.
"""

from __future__ import annotations

import datetime
import hashlib
import hmac
import http.client
from typing import Tuple

_REGION = "us-east-1"
_NOTHING = hashlib.sha256(b"").hexdigest()


def request(method: str, port: int, path: str, key: str, secret: str) -> Tuple[int, str]:
    """Sends one request without a body; returns status and answer."""
    host = f"127.0.0.1:{port}"
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    headers = {"host": host, "x-amz-content-sha256": _NOTHING, "x-amz-date": now}
    names = ";".join(sorted(headers))
    lines = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
    canonical = f"{method}\n{path}\n\n{lines}\n{names}\n{_NOTHING}"
    scope = f"{now[:8]}/{_REGION}/s3/aws4_request"
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    signature = _sign(secret, scope, f"AWS4-HMAC-SHA256\n{now}\n{scope}\n{digest}")
    headers["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={key}/{scope}, SignedHeaders={names}, Signature={signature}"
    )
    connection = http.client.HTTPConnection(host, timeout=5)
    try:
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode(errors="replace")
    finally:
        connection.close()


def _sign(secret: str, scope: str, text: str) -> str:
    key = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
