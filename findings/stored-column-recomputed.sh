#!/usr/bin/env bash
# Which UPDATE computes a STORED generated column anew differs between MariaDB 10.11, MariaDB
# 11.8 and MySQL 9.
#
# Seen on MariaDB 10.11.19 and 11.8.9 and on MySQL 9.7.4. DATE(ts) of a TIMESTAMP depends on the
# session's time zone; all three accept it in a stored column, so the stored value is that of the
# zone of whoever wrote the row last. Rows are written under '+10:00' and updated under '+00:00':
#
#                                     10.11    11.8     MySQL 9
#   UPDATE t SET ts = ts              kept     kept     computed anew
#   UPDATE t SET other = other + 1    anew     kept     anew
#   UPDATE t SET ts = ts, other = …   anew     anew     anew
#
# For whoever moves data: an update that changes nothing is not a way to get stored columns
# computed anew on MariaDB; an unrelated update changes them on one release and not on the next,
# so source and target drift apart by the very same statements; and a dump, which leaves generated
# columns out, gives other values than the source holds.
set -euo pipefail
. "$(dirname "$0")/lib/servers.sh"

statements="
CREATE DATABASE d; USE d;
CREATE TABLE t (id INT PRIMARY KEY, ts TIMESTAMP NOT NULL DEFAULT '2000-01-01', other INT DEFAULT 0, day DATE AS (DATE(ts)) STORED);
SET time_zone = '+10:00';
INSERT INTO t (id, ts) VALUES (1, '2024-01-02 03:00:00'), (2, '2024-01-02 03:00:00'), (3, '2024-01-02 03:00:00');
SET time_zone = '+00:00';
UPDATE t SET ts = ts WHERE id = 1;
UPDATE t SET other = other + 1 WHERE id = 2;
UPDATE t SET ts = ts, other = other + 1 WHERE id = 3;
SELECT CASE id WHEN 1 THEN 'ts = ts' WHEN 2 THEN 'other' ELSE 'both' END, ts, day FROM t ORDER BY id;"

shows() { printf '%s\t2024-01-01 17:00:00\t%s\n' 'ts = ts' "$1" other "$2" both "$3"; }

start mariadb10 mariadb10
see "MariaDB 10.11" "$(shows 2024-01-02 2024-01-01 2024-01-01)" "$(sql mariadb10 <<<"$statements")"
start mariadb11 mariadb11
see "MariaDB 11.8" "$(shows 2024-01-02 2024-01-02 2024-01-01)" "$(sql mariadb11 <<<"$statements")"
start mysql9 mysql9
see "MySQL 9" "$(shows 2024-01-01 2024-01-01 2024-01-01)" "$(sql mysql9 <<<"$statements")"
