"""What the demo prints at its end: a first sync of one's own, as lines to be pasted.

Invariants: every line works as it is printed, in bash and in the clone's folder, one after the
other; secrets come from `.local/env` and are never printed; pasted twice, it makes no second
connection or task under the same name but says what the API said.
Deliberately not here: doing it. Who pastes the lines sees what each of them answers.
"""

from __future__ import annotations

import shlex
from typing import Collection, List

DATABASE = "mine"

_HELPERS = r"""
api() { curl -sS -H "Authorization: Bearer $(cat "$ADMIN_TOKEN_FILE")" -H 'Content-Type: application/json' "$@"; }
id_of() { python3 -c 'import json, sys; told = json.load(sys.stdin); print(told.get("id") or sys.exit(str(told)))'; }
on_source() { MYSQL_PWD="$SOURCE_PASSWORD" mariadb -h "$SOURCE_HOST" -P "$SOURCE_PORT" -u "$SOURCE_USERNAME" "$@"; }
on_target() { MYSQL_PWD="$TARGET_PASSWORD" mariadb -h "$TARGET_HOST" -P "$TARGET_PORT" -u "$TARGET_USERNAME" "$@"; }
"""

_DATABASES = f"""
on_source -e 'CREATE DATABASE IF NOT EXISTS {DATABASE}'
on_target -e 'CREATE DATABASE IF NOT EXISTS {DATABASE}'
on_source {DATABASE} -e 'CREATE TABLE IF NOT EXISTS notes (id INT AUTO_INCREMENT PRIMARY KEY, words TEXT)'
on_source {DATABASE} -e 'INSERT INTO notes (words) VALUES ("one"), ("two")'
"""


def commands(folder: str, taken: Collection[str]) -> List[str]:
    """The lines, in their order; `taken` are names of connections and tasks that are there already."""
    names = [_free(name, taken) for name in ("my source", "my target", "my sync")]
    source, target = (_connection(name, side) for name, side in zip(names, ("SOURCE", "TARGET")))
    task = f'{{"name": "{names[2]}", "source_id": "$S", "target_id": "$T", "mode": "full", "policy": "source_first"}}'
    return [
        f"cd {shlex.quote(folder)} && . .local/env",
        *_lines(_HELPERS),
        "# Two databases, one with a table.",
        *_lines(_DATABASES),
        "# Register two connections and test them; the second line of each waits and shows what was found.",
        f"S=$(api -d {_quoted(source)} $API_URL/v1/connections | id_of)",
        *_tested("S"),
        f"T=$(api -d {_quoted(target)} $API_URL/v1/connections | id_of)",
        *_tested("T"),
        "# Make a task, run it, watch it to its end, and look at what came.",
        f"TASK=$(api -d {_quoted(task)} $API_URL/v1/sync-tasks | id_of)",
        "JOB=$(api -d '{}' $API_URL/v1/sync-tasks/$TASK/runs | id_of)",
        "api -N $API_URL/v1/jobs/$JOB/events",
        f"on_target {DATABASE} -e 'SELECT * FROM notes'",
    ]


def _lines(text: str) -> List[str]:
    return text.strip().splitlines()


def _free(name: str, taken: Collection[str]) -> str:
    numbers = (name if n == 1 else f"{name} {n}" for n in range(1, len(taken) + 2))
    return next(free for free in numbers if free not in taken)


def _connection(name: str, side: str) -> str:
    return (
        f'{{"name": "{name}", "engine": "mariadb", "host": "${side}_HOST", "port": ${side}_PORT, '
        f'"database": "{DATABASE}", "username": "${side}_USERNAME", "password": "${side}_PASSWORD"}}'
    )


def _quoted(body: str) -> str:
    """In double quotes, so that the shell puts in its variables."""
    return '"' + body.replace('"', '\\"') + '"'


def _tested(variable: str) -> List[str]:
    return [
        f"TEST=$(api -d '{{}}' $API_URL/v1/connections/${variable}/test | id_of)",
        "api -N $API_URL/v1/jobs/$TEST/events > /dev/null; api $API_URL/v1/jobs/$TEST/examination; echo",
    ]
