#!/usr/bin/env bash
# MySQL: a JSON document that was made from columns is another one once its text was read back.
#
# Seen on MySQL 5.7.29 and 9.7.4. JSON_OBJECT and JSON_ARRAY keep the SQL types of what they are given:
# JSON_TYPE tells DECIMAL, DATE, DATETIME or BLOB of such members. Text has no words for them, so a
# dump, a SELECT that is inserted again, or any other way through text makes of
#  - a DECIMAL 1.10 the DOUBLE 1.1: one digit of what is printed is gone,
#  - a DATE and a DATETIME a STRING, printed alike,
#  - bytes a STRING that begins with base64:type.
# Nothing warns. The document with the DECIMAL prints otherwise afterwards, so that a checksum over the
# printed text differs; the one with the DATE prints the same and yet is not equal to what it was copied from.
#
# For dumps, copies and comparisons between two MySQL servers: for such documents equal text does not mean
# equal values, and a copy through text can never have the text of its source.
set -euo pipefail
. "$(dirname "$0")/lib/servers.sh"

made="JSON_OBJECT('n', CAST(1.10 AS DECIMAL(5,2))), JSON_OBJECT('d', CAST('2024-01-01' AS DATE)),
      JSON_OBJECT('t', CAST('2024-01-01 10:00:00' AS DATETIME)), JSON_OBJECT('b', CAST('x' AS BINARY))"
types="JSON_TYPE(n->'\$.n'), JSON_TYPE(d->'\$.d'), JSON_TYPE(t->'\$.t'), JSON_TYPE(b->'\$.b')"

for kind in mysql57 mysql9; do
  start "$kind" "$kind"
  sql "$kind" <<<"CREATE DATABASE d; CREATE TABLE d.ours (n JSON, d JSON, t JSON, b JSON); CREATE TABLE d.theirs LIKE d.ours;
    INSERT INTO d.ours VALUES ($made)"
  # The way of every text dump: printed, then read.
  text=$(sql "$kind" --raw d <<<"SELECT CONCAT_WS(', ', QUOTE(n), QUOTE(d), QUOTE(t), QUOTE(b)) FROM ours")
  see "$kind, a warning while it is read" "no error" "$(why "$kind" d <<<"INSERT INTO theirs VALUES ($text)")"
  see "$kind, types as made" $'DECIMAL\tDATE\tDATETIME\tBLOB' "$(sql "$kind" d <<<"SELECT $types FROM ours")"
  see "$kind, types as read" $'DOUBLE\tSTRING\tSTRING\tSTRING' "$(sql "$kind" d <<<"SELECT $types FROM theirs")"
  see "$kind, the number as made and as read" $'{"n": 1.10}\n{"n": 1.1}' \
    "$(sql "$kind" --raw d <<<'SELECT n FROM ours; SELECT n FROM theirs')"
  see "$kind, the date: same text, equal" $'1\t0' \
    "$(sql "$kind" d <<<'SELECT CAST(o.d AS CHAR) = CAST(x.d AS CHAR), o.d = x.d FROM ours o, theirs x')"
done
