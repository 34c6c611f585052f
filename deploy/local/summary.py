"""What a sync did, table by table, as a person reads it.

Invariants: success is only what the job itself verified; every number comes from the
job's view, none is made up here.
"""

from __future__ import annotations

from typing import Any, Dict, List, Sequence

from console import plural, say

_HEADS = (
    "table", "mode", "rows", "inserted", "updated", "deleted", "unchanged", "chunks", "s", "rows/s", "verified", "workers",
)  # fmt: skip
_LEFT = {"table", "mode", "verified", "workers"}


def show(job: Dict[str, Any], seconds: float) -> bool:
    """Prints the outcome. Returns whether everything is proven equal."""
    tables = job.get("tables") or []
    rows = [_row(table) for table in tables]
    if rows:
        _print_table(rows)
    for warning in job.get("warnings") or []:
        say(f"warning: {warning}")
    for table in tables:
        if table.get("failure"):
            say(f"{table['name']}: {_failure(table['failure'])}")
    if job.get("failure"):
        say(f"The job {job['state']}: {_failure(job['failure'])}")
    _totals(job, tables, seconds)
    equal = [t for t in tables if (t.get("verified") or {}).get("result") == "equal"]
    if job["state"] != "completed":
        say(f"The job is {job['state']}.")
        return False
    if not tables or len(equal) != len(tables):
        say(f"Only {len(equal)} of {len(tables)} tables are verified as equal.")
        return False
    say(f"Verified: source and target hold the same rows in {plural(len(tables), 'table')}.")
    return True


def _row(table: Dict[str, Any]) -> List[str]:
    counts = table.get("counts") or {}
    verified = table.get("verified") or {}
    done, seconds = table.get("rows_done") or 0, table.get("seconds")
    held = verified.get("source_rows")
    return [
        table["name"],
        table.get("mode") or "",
        f"{done if held is None else held:,}",
        *(f"{counts.get(name) or 0:,}" for name in ("inserted", "updated", "deleted", "unchanged")),
        f"{table.get('chunks_done') or 0}",
        "" if seconds is None else f"{seconds:.1f}",
        # A handful of rows has no speed.
        f"{done / seconds:,.0f}" if seconds and done >= 1000 else "",
        str(verified.get("result") or table.get("state") or "-"),
        ", ".join(_names(table.get("workers") or [])),
    ]


def _print_table(rows: Sequence[Sequence[str]]) -> None:
    widths = [max(len(line[n]) for line in [_HEADS, *rows]) for n in range(len(_HEADS))]
    for line in [_HEADS, *rows]:
        cells = (
            cell.ljust(width) if head in _LEFT else cell.rjust(width)
            for head, cell, width in zip(_HEADS, line, widths)
        )
        say("  ".join(cells).rstrip())


def _totals(job: Dict[str, Any], tables: Sequence[Dict[str, Any]], seconds: float) -> None:
    progress = job.get("progress") or {}
    rows = progress.get("rows_done") or sum(t.get("rows_done") or 0 for t in tables)
    size = progress.get("bytes_done") or sum(t.get("bytes_done") or 0 for t in tables)
    if seconds > 0:
        # Rows that are proven equal where they lie are compared, not moved.
        moved, rate = f", {size / 1e6:.1f} MB", f", {size / 1e6 / seconds:.1f} MB/s"
        say(
            f"{rows:,} rows{moved if size else ''} in {seconds:.1f} s from the request to the verified end:"
            f" {rows / seconds:,.0f} rows/s{rate if size else ''}."
        )
    for worker in job.get("workers") or []:
        if isinstance(worker, dict):
            chunks = plural(worker.get("chunks") or 0, "chunk")
            say(f"{worker.get('name') or worker.get('worker')}: {chunks}")


def _names(workers: Sequence[Any]) -> List[str]:
    return [str(w.get("name") or w.get("worker")) if isinstance(w, dict) else str(w) for w in workers]


def _failure(failure: Dict[str, Any]) -> str:
    hint = f"\n  {failure['hint']}" if failure.get("hint") else ""
    return f"{failure.get('message')} [{failure.get('class')}, {failure.get('code')}]{hint}"
