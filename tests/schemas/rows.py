"""Rows for a schema that nobody here wrote: made from what the server says of its columns.

Invariants: the same seed makes the same rows; a row that the schema refuses (a unique value
twice, a check) is left out, and every other one is there; parents are filled before children.
"""

from __future__ import annotations

import random
import re
from typing import Callable, Dict, List, Sequence, Tuple

Query = Callable[[str], List[List[str]]]

_COLUMNS = """SELECT c.TABLE_NAME, c.COLUMN_NAME, c.DATA_TYPE, c.COLUMN_TYPE, IFNULL(c.CHARACTER_MAXIMUM_LENGTH, 0), c.EXTRA
 FROM information_schema.COLUMNS c JOIN information_schema.TABLES t USING (TABLE_SCHEMA, TABLE_NAME)
 WHERE c.TABLE_SCHEMA = DATABASE() AND t.TABLE_TYPE = 'BASE TABLE' ORDER BY 1, c.ORDINAL_POSITION"""
_PARENTS = """SELECT TABLE_NAME, COLUMN_NAME, REFERENCED_TABLE_NAME, REFERENCED_COLUMN_NAME
 FROM information_schema.KEY_COLUMN_USAGE WHERE TABLE_SCHEMA = DATABASE() AND REFERENCED_TABLE_NAME IS NOT NULL"""
_KEYS = """SELECT TABLE_NAME, COLUMN_NAME FROM information_schema.KEY_COLUMN_USAGE
 WHERE TABLE_SCHEMA = DATABASE() AND CONSTRAINT_NAME = 'PRIMARY' ORDER BY 1, ORDINAL_POSITION"""

_TEXT = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 .,-_'\\\"%äßé"


def quoted(name: str) -> str:
    """An identifier of a schema of ours."""
    return "`" + name.replace("`", "``") + "`"


def insertions(query: Query, seed: int, each: int) -> str:
    """Statements that add up to `each` rows to every table, one a row."""
    rng = random.Random(seed)
    columns = _by_table(query(_COLUMNS))
    parents: Dict[Tuple[str, str], Tuple[str, str]] = {(t, c): (p, pc) for t, c, p, pc in query(_PARENTS)}
    lines = ["SET NAMES utf8mb4;"]
    for table in _in_order(list(columns), parents):
        usable = [column for column in columns[table] if not re.search("GENERATED|VIRTUAL|STORED", column[5]) or "DEFAULT_GENERATED" in column[5]]
        usable = [column for column in usable if "auto_increment" not in column[5]]
        if not usable:
            lines += [f"INSERT INTO {quoted(table)} () VALUES ();"] * each
            continue
        names = ", ".join(quoted(column[1]) for column in usable)
        for _ in range(each):
            values = ", ".join(_value(rng, column, parents.get((table, column[1]))) for column in usable)
            lines.append(f"INSERT INTO {quoted(table)} ({names}) VALUES ({values});")
    return "\n".join(lines)


def changes(query: Query) -> str:
    """Statements that delete and overwrite some rows of each table."""
    columns, keys = _by_table(query(_COLUMNS)), _by_table(query(_KEYS))
    lines = []
    for table, its in columns.items():
        if table not in keys:
            continue
        key = [column[1] for column in keys[table]]
        order = ", ".join(quoted(name) for name in key)
        lines.append(f"DELETE FROM {quoted(table)} ORDER BY {order} LIMIT 2;")
        for column in its:
            name = quoted(column[1])
            if column[1] in key or "GENERATED" in column[5]:
                continue
            if column[2] in ("varchar", "text", "longtext", "mediumtext"):
                lines.append(f"UPDATE {quoted(table)} SET {name} = CONCAT('~', SUBSTR({name}, 2)) ORDER BY {order} DESC LIMIT 5;")
            elif column[2] in ("int", "bigint", "smallint", "decimal", "double"):
                lines.append(f"UPDATE {quoted(table)} SET {name} = {name} + 1 ORDER BY {order} DESC LIMIT 5;")
    return "\n".join(lines)


def _by_table(rows: Sequence[List[str]]) -> Dict[str, List[List[str]]]:
    found: Dict[str, List[List[str]]] = {}
    for row in rows:
        found.setdefault(row[0], []).append(row)
    return found


def _in_order(tables: List[str], parents: Dict[Tuple[str, str], Tuple[str, str]]) -> List[str]:
    """Parents first, as far as they do not point at each other in a circle."""
    done: List[str] = []
    left = list(tables)
    while left:
        ready = [t for t in left if all(p in done or p == t or p not in tables for (c, _), (p, _) in parents.items() if c == t)]
        ready = ready or left[:1]
        done += ready
        left = [t for t in left if t not in ready]
    return done


def _value(rng: random.Random, column: List[str], parent: "Tuple[str, str] | None") -> str:
    if parent is not None:
        table, name = quoted(parent[0]), quoted(parent[1])
        # The derived table lets a table point at itself.
        return f"(SELECT v FROM (SELECT {name} v FROM {table} ORDER BY 1 LIMIT 1 OFFSET {rng.randrange(4)}) p)"
    kind, full, longest = column[2], column[3], int(float(column[4]))
    members = re.findall(r"'((?:[^']|'')*)'", full)
    if kind == "enum" and members:
        return f"'{rng.choice(members)}'"
    if kind == "set" and members:
        return "'" + ",".join(m for m in members if rng.random() < 0.4) + "'"
    if kind in ("binary", "varbinary", "blob", "tinyblob", "mediumblob", "longblob"):
        return "X'" + rng.randbytes(min(longest or 20, 20) if kind != "binary" else longest).hex() + "'"
    if kind in ("char", "varchar", "text", "tinytext", "mediumtext", "longtext"):
        if "json" in full or kind == "json":
            return f"'{{\"n\": {rng.randrange(99)}}}'"
        text = "".join(rng.choice(_TEXT) for _ in range(rng.randrange(1, min(longest or 30, 30) + 1)))
        return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"
    if kind == "json":
        return f"'{{\"n\": {rng.randrange(99)}}}'"
    if kind in ("datetime", "timestamp"):
        return f"'20{rng.randrange(10, 30)}-{rng.randrange(1, 13):02}-{rng.randrange(1, 29):02} {rng.randrange(4, 24):02}:{rng.randrange(60):02}:00'"
    if kind == "date":
        return f"'20{rng.randrange(10, 30)}-{rng.randrange(1, 13):02}-{rng.randrange(1, 29):02}'"
    if kind == "time":
        return f"'{rng.randrange(24):02}:{rng.randrange(60):02}:00'"
    if kind == "year":
        return str(rng.randrange(1990, 2030))
    if kind == "bit":
        return f"b'{rng.randrange(2)}'"
    if kind in ("float", "double", "decimal"):
        return f"{rng.randrange(1, 9)}.5"
    return str(rng.randrange(1, 120))
