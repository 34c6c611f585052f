"""SeaweedFS: the S3 store of the local stack.

Invariants: each of its parts has a port of its own on 127.0.0.1, and what would open
more of them is off; it reports nothing to anybody; the bucket exists once it is ready.
"""

from __future__ import annotations

import http.client
import json
from pathlib import Path
from typing import Any, Dict, List

import s3
from accounts import private_file
from server import NotReady, Server
from tools import SEAWEEDFS

BUCKET = "longshore"


class SeaweedFs(Server):
    """One S3 server with the bucket `longshore`."""

    kind = "s3"
    port_names = ("port", "s3.grpc", "master", "master.grpc", "volume", "volume.grpc", "filer", "filer.grpc")
    secret_names = ("access_key", "secret_key")
    # Asked softly it waits half a minute for its own connections. What was written
    # is with the kernel by then, and its users have been stopped before it.
    stop_patience = 2.0

    def companions(self) -> None:
        key = {"accessKey": self.secret("access_key"), "secretKey": self.secret("secret_key")}
        actions = ["Admin", "Read", "Write", "List", "Tagging"]
        content = {"identities": [{"name": "longshore", "credentials": [key], "actions": actions}]}
        private_file(self.conf / "s3.json", json.dumps(content), self.owner)

    def command(self) -> List[str]:
        assigned = self.settings["ports"]
        return [
            str(SEAWEEDFS.program()),
            "-logtostderr=true",
            "server",
            f"-dir={self.data}",
            "-ip=127.0.0.1",
            "-ip.bind=127.0.0.1",
            f"-master.port={assigned['master']}",
            f"-master.port.grpc={assigned['master.grpc']}",
            "-master.telemetry=false",
            # It votes alone: by the default it would do so for ten seconds at each start.
            "-master.electionTimeout=1s",
            "-master.volumeSizeLimitMB=256",
            f"-volume.port={assigned['volume']}",
            f"-volume.port.grpc={assigned['volume.grpc']}",
            "-volume.max=200",
            "-volume.preStopSeconds=0",
            "-filer",
            f"-filer.port={assigned['filer']}",
            f"-filer.port.grpc={assigned['filer.grpc']}",
            f"-filer.localSocket={self.sockets / 'filer'}",
            "-s3",
            f"-s3.port={assigned['port']}",
            f"-s3.port.grpc={assigned['s3.grpc']}",
            "-s3.port.iceberg=0",
            "-s3.port.lance=0",
            f"-s3.localSocket={self.sockets / 's3'}",
            f"-s3.config={self.conf / 's3.json'}",
        ]

    def probe(self) -> None:
        try:
            status, answer = self._request("HEAD")
            if status == 404:
                status, answer = self._request("PUT")
        except http.client.HTTPException as why:
            raise NotReady(str(why)) from None
        if status != 200:
            raise NotReady(f"status {status} {answer}")

    def facts(self) -> Dict[str, Any]:
        return {
            "s3_endpoint": f"http://127.0.0.1:{self.port}",
            "s3_bucket": BUCKET,
            "s3_access_key": self.secret("access_key"),
            "s3_secret_key": self.secret("secret_key"),
        }

    def leftovers(self) -> List[Path]:
        assigned = self.settings["ports"]
        parts = ("master", "volume", "filer", "s3")
        return [Path(f"/tmp/seaweedfs-{part}-grpc-{assigned[part + '.grpc']}.sock") for part in parts]

    def _request(self, method: str) -> "tuple[int, str]":
        return s3.request(
            method, self.port, f"/{BUCKET}", self.secret("access_key"), self.secret("secret_key")
        )
