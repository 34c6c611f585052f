"""Logs in to a RabbitMQ vhost and leaves again: proof that the broker serves clients.

AMQP 0-9-1, only the connection's handshake. Deliberately not here: channels, queues,
messages. Those are Longshore's.
"""

from __future__ import annotations

import socket
import struct
from typing import Tuple

_START, _START_OK = (10, 10), (10, 11)
_TUNE, _TUNE_OK = (10, 30), (10, 31)
_OPEN, _OPEN_OK = (10, 40), (10, 41)
_CLOSE, _CLOSE_OK = (10, 50), (10, 51)
_METHOD, _FRAME_END = 1, 0xCE


class Refused(Exception):
    """The broker answered, and not with what was asked for."""


def log_in(port: int, user: str, password: str, vhost: str) -> None:
    """Opens `vhost` on 127.0.0.1 and closes the connection in good order."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as peer:
        peer.sendall(b"AMQP\x00\x00\x09\x01")
        _expect(peer, _START)
        response = _long(f"\0{user}\0{password}".encode())
        _send(peer, _START_OK, struct.pack(">I", 0) + _short("PLAIN") + response + _short("en_US"))
        tuned = _expect(peer, _TUNE)
        _send(peer, _TUNE_OK, tuned[:8])
        _send(peer, _OPEN, _short(vhost) + _short("") + b"\0")
        _expect(peer, _OPEN_OK)
        _send(peer, _CLOSE, struct.pack(">H", 200) + _short("") + struct.pack(">HH", 0, 0))
        _expect(peer, _CLOSE_OK)


def _send(peer: socket.socket, method: Tuple[int, int], arguments: bytes) -> None:
    payload = struct.pack(">HH", *method) + arguments
    head = struct.pack(">BHI", _METHOD, 0, len(payload))
    peer.sendall(head + payload + bytes([_FRAME_END]))


def _expect(peer: socket.socket, method: Tuple[int, int]) -> bytes:
    _kind, _channel, size = struct.unpack(">BHI", _read(peer, 7))
    payload = _read(peer, size + 1)[:-1]
    found = struct.unpack(">HH", payload[:4])
    if found != method:
        raise Refused(f"expected method {method}, got {found}")
    return payload[4:]


def _read(peer: socket.socket, size: int) -> bytes:
    content = b""
    while len(content) < size:
        part = peer.recv(size - len(content))
        if not part:
            raise Refused("the broker closed the connection")
        content += part
    return content


def _short(text: str) -> bytes:
    return bytes([len(text)]) + text.encode()


def _long(content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + content
