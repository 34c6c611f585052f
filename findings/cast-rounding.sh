#!/usr/bin/env bash
# CAST cuts off on MariaDB what it rounds on MySQL, and makes another number of a negative one.
#
# Seen on MariaDB 10.11.19 and 11.8.9, and MySQL 5.7.29 and 9.7.4.
#                                              MariaDB               MySQL
#   CAST(TIMESTAMP'… 10:00:00.7' AS DATETIME)  10:00:00              10:00:01
#   CAST(TIME'10:00:00.7' AS TIME)             10:00:00              10:00:01
#   CAST(-1.5e0 AS UNSIGNED)                   0                     18446744073709551614
#   -0e0 in a DOUBLE column                    0                     -0
# A plain assignment to a column differs in the same way for times: MariaDB cuts off unless sql_mode has
# TIME_ROUND_FRACTIONAL, MySQL rounds unless, on 9, it has TIME_TRUNCATE_FRACTIONAL.
#
# For moves and comparisons: a column with fewer digits at the target, a cast in a generated column,
# a CHECK or a view gives other rows by the same statements. Doubles compared as text differ in "-0",
# which MySQL keeps and MariaDB cannot store.
set -euo pipefail
. "$(dirname "$0")/lib/servers.sh"

asked="CREATE DATABASE d; USE d; CREATE TABLE t (at DATETIME, f DOUBLE);
INSERT INTO t VALUES ('2024-12-31 23:59:59.5', '-0');
SELECT CAST(TIMESTAMP'2024-01-01 10:00:00.7' AS DATETIME), CAST(TIME'10:00:00.7' AS TIME), CAST(-1.5e0 AS UNSIGNED);
SELECT at, f, ROUND(ATAN2(0, f), 2) FROM t"

for kind in mariadb10 mariadb11 mysql57 mysql9; do
  start "$kind" "$kind"
  case $kind in
    mariadb*) told=$'2024-01-01 10:00:00\t10:00:00\t0\n2024-12-31 23:59:59\t0\t0.00' ;;
    *) told=$'2024-01-01 10:00:01\t10:00:01\t18446744073709551614\n2025-01-01 00:00:00\t-0\t3.14' ;;
  esac
  see "$kind: three casts, then a DATETIME column given 23:59:59.5 and a DOUBLE column given -0, and the angle that tells its sign" "$told" "$(sql "$kind" <<<"$asked")"
done
