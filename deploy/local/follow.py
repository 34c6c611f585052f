"""Follows a job to its end, with a bar on a terminal and plain lines elsewhere.

Invariants: what is shown is what the API said, estimates are called so; following a job
changes nothing about it, and leaving it does not stop it.
"""

from __future__ import annotations

import time
from typing import Any, Dict

import console
from client import Api
from console import Problem, say

ENDED = ("completed", "failed", "cancelled")
_WIDTH = 30
_LONGEST = 3600.0
_PLAIN_EVERY = 5.0


def follow(api: Api, job_id: str) -> Dict[str, Any]:
    """Waits until the job has ended; returns it."""
    started = time.monotonic()
    told = 0.0
    warned = False
    while True:
        job: Dict[str, Any] = api.get(f"/v1/jobs/{job_id}")
        passed = time.monotonic() - started
        if console.is_terminal():
            console.draw(line(job, passed))
        elif time.monotonic() - told >= _PLAIN_EVERY and job["state"] not in ENDED:
            told = time.monotonic()
            say(line(job, passed))
        if job["state"] in ENDED:
            if console.is_terminal():
                say()
            return job
        if job["state"] == "pending" and passed > 20 and not warned:
            warned = True
            say("No worker has taken the job yet; `make status` tells whether they run.")
        if passed > _LONGEST:
            raise Problem(
                f"the job {job_id} has not ended within an hour", "it goes on; see GET /v1/jobs/{id}"
            )
        time.sleep(0.3)


def line(job: Dict[str, Any], passed: float) -> str:
    """The job's progress in one line."""
    progress = job.get("progress") or {}
    done, total = progress.get("rows_done") or 0, progress.get("rows_total") or 0
    share = min(done / total, 1.0) if total else 0.0
    parts = [f"{passed:5.1f} s", f"{progress.get('phase') or job['state']:<9}"]
    if console.is_terminal():
        full = int(share * _WIDTH)
        parts.insert(0, f"[{'#' * full}{'.' * (_WIDTH - full)}]")
    parts.append(f"{share:4.0%} of about {total:,} rows")
    tables = progress.get("tables_total") or 0
    if tables:
        counts = (f"{progress.get(f'tables_{word}') or 0} {word}" for word in ("loaded", "indexed", "verified"))
        parts.append(f"{tables} tables: {', '.join(counts)}")
    if progress.get("rows_per_second"):
        parts.append(f"{progress['rows_per_second']:,.0f} rows/s")
    if progress.get("seconds_left"):
        parts.append(f"about {progress['seconds_left']:.0f} s left")
    return "  ".join(parts)
