"""The sample shop: a seeded generator of SQL for MariaDB and MySQL.

    python3 deploy/local/shop.py [--rows 300000] [--seed 1] [--generated] > shop.sql

Invariants: the same seed and number of rows make the same bytes; statements stay under
a megabyte; the SQL is our own, so it may be run by an administrator.
"""

from __future__ import annotations

import argparse
import sys
from typing import Dict, Iterator, List

sys.dont_write_bytecode = True

from shop_rows import COLUMNS, Rows  # noqa: E402
from shop_tables import SHARES, definitions  # noqa: E402
from shop_values import Dice  # noqa: E402

_STATEMENT_BYTES = 500_000

# Keys of 0 stay 0, zero dates are accepted, nothing is cut; whatever the server's own mode is.
_HEAD = """SET NAMES utf8mb4;
SET SESSION sql_mode = 'NO_AUTO_VALUE_ON_ZERO,STRICT_ALL_TABLES', time_zone = '+00:00';
SET SESSION foreign_key_checks = 0, unique_checks = 0;
"""
_FOOT = "SET SESSION foreign_key_checks = 1, unique_checks = 1;\n"


def statements(rows: int, seed: int, generated: bool = False) -> Iterator[str]:
    """The whole shop: tables first, then their rows, each table in one transaction."""
    yield _HEAD
    tables = definitions(generated)
    for definition in tables.values():
        yield definition + ";\n"
    source = Rows(Dice(seed), counts(rows))
    for table in tables:
        yield "START TRANSACTION;\n"
        yield from _inserts(table, source)
        yield "COMMIT;\n"
    yield _FOOT


def counts(rows: int) -> Dict[str, int]:
    """How many rows each large table gets when all together have about `rows`."""
    return {table: max(rows * share // 1000, 10) for table, share in SHARES.items()}


def _inserts(table: str, source: Rows) -> Iterator[str]:
    columns = ",".join(f"`{name}`" for name in COLUMNS[table].split(","))
    head = f"INSERT INTO `{table}` ({columns}) VALUES\n"
    batch: List[str] = []
    size = 0
    for row in source.of(table):
        line = f"({','.join(row)})"
        batch.append(line)
        size += len(line)
        if size > _STATEMENT_BYTES:
            yield head + ",\n".join(batch) + ";\n"
            batch, size = [], 0
    if batch:
        yield head + ",\n".join(batch) + ";\n"


def main() -> None:
    """Prints the shop."""
    parser = argparse.ArgumentParser(description="SQL of the sample shop")
    parser.add_argument("--rows", type=int, default=300_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--generated", action="store_true", help="with generated columns")
    given = parser.parse_args()
    try:
        for statement in statements(given.rows, given.seed, given.generated):
            sys.stdout.buffer.write(statement.encode())
    except BrokenPipeError:
        sys.stderr.close()


if __name__ == "__main__":
    main()
