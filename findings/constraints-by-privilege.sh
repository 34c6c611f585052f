#!/usr/bin/env bash
# What information_schema tells of constraints depends on the account's rights, by rules that
# differ between MariaDB 10.11, MariaDB 11.8 and MySQL, and from view to view.
#
# Seen on MariaDB 10.11.19 and 11.8.9, MySQL 5.7.29 and 9.7.4. Nothing is refused; rows are missing.
#  - An account with SELECT on a whole database finds every table in KEY_COLUMN_USAGE on all of
#    them; on both MariaDBs it finds nothing in TABLE_CONSTRAINTS and REFERENTIAL_CONSTRAINTS.
#  - With ALL on each table by itself, MariaDB 10.11 still shows nothing in those two; 11.8 does.
#  - An account with all rights on a parent, and none on the child, finds no trace of the child's
#    foreign key in any view on any server; yet its DELETE and TRUNCATE obey it.
#  - With SELECT on the parent and INSERT on the child, 11.8 shows the foreign key in
#    REFERENTIAL_CONSTRAINTS with NULL as the table that it refers to.
#
# For tools that order tables by foreign keys, or keep away from parents with children elsewhere: empty answers
# prove nothing. SHOW CREATE TABLE of the child tells all; of the parent it never tells.
set -euo pipefail
. "$(dirname "$0")/lib/servers.sh"

# views KIND ACCOUNT: rows in KEY_COLUMN_USAGE, TABLE_CONSTRAINTS, REFERENTIAL_CONSTRAINTS, and the parent named.
views() {
  sql "$1" --user="$2" <<'SQL'
SELECT (SELECT COUNT(*) FROM information_schema.key_column_usage WHERE table_schema = 'd'),
  (SELECT COUNT(*) FROM information_schema.table_constraints WHERE table_schema = 'd'),
  (SELECT COUNT(*) FROM information_schema.referential_constraints WHERE constraint_schema = 'd'),
  (SELECT MAX(referenced_table_name) FROM information_schema.referential_constraints WHERE constraint_schema = 'd')
SQL
}

all=$'3\t3\t1\tparent'
for kind in mariadb10 mariadb11 mysql57 mysql9; do
  start "$kind" "$kind"
  sql "$kind" <<'SQL'
CREATE DATABASE d; USE d;
CREATE TABLE parent (id INT PRIMARY KEY);
CREATE TABLE child (id INT PRIMARY KEY, p INT, FOREIGN KEY (p) REFERENCES parent (id));
INSERT INTO parent VALUES (1); INSERT INTO child VALUES (1, 1);
CREATE USER reader@localhost; GRANT SELECT ON d.* TO reader@localhost;
CREATE USER tables@localhost; GRANT ALL ON d.parent TO tables@localhost; GRANT ALL ON d.child TO tables@localhost;
CREATE USER parent@localhost; GRANT ALL ON d.parent TO parent@localhost;
CREATE USER mixed@localhost; GRANT SELECT ON d.parent TO mixed@localhost; GRANT INSERT ON d.child TO mixed@localhost;
SQL
  case $kind in
    mariadb10) reader=$'3\t0\t0\tNULL' tables=$'3\t0\t0\tNULL' parent=$'1\t0\t0\tNULL' mixed=$'3\t0\t0\tNULL' ;;
    mariadb11) reader=$'3\t0\t0\tNULL' tables=$all parent=$'1\t1\t0\tNULL' mixed=$'3\t2\t1\tNULL' ;;
    *) reader=$all tables=$all parent=$'1\t1\t0\tNULL' mixed=$all ;;
  esac
  see "$kind: SELECT on the database" "$reader" "$(views "$kind" reader)"
  see "$kind: ALL on each of the tables" "$tables" "$(views "$kind" tables)"
  see "$kind: SELECT on the parent, INSERT on the child" "$mixed" "$(views "$kind" mixed)"
  see "$kind: ALL on the parent only" "$parent" "$(views "$kind" parent)"
  see "$kind: and its DELETE and TRUNCATE" "1451 1701" \
    "$(why "$kind" --user=parent <<<'DELETE FROM d.parent') $(why "$kind" --user=parent <<<'TRUNCATE TABLE d.parent')"
done
