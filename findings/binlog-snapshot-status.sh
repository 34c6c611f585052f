#!/usr/bin/env bash
# MariaDB: sessions that ask for their snapshot's binary log position at the same time are told
# each other's.
#
# Seen on MariaDB 10.11.19 and 11.8.9. START TRANSACTION WITH CONSISTENT SNAPSHOT fixes a place
# in the binary log, and SHOW STATUS LIKE 'Binlog_snapshot_%' tells it. The status variables are
# filled in for the asking session, but in memory that all sessions share: while several
# sessions ask at once, one gets the file and position of another's snapshot.
#
# So of several sessions that opened their snapshots one by one and then ask together, equal
# answers do not prove that they see one state: some sets answer alike and read different sums.
# Asked one after another, with nobody else asking, every answer is right.
#
# For parallel dumps and copies that open many snapshots without a global read lock and compare
# positions: the asking has to be serialised, over all clients of the server, or the snapshots have
# to be made equal by other means.
set -euo pipefail
. "$(dirname "$0")/lib/servers.sh"

cat >"$ROOM/ask.py" <<'PY'
import random, sys, threading, pymysql

SESSIONS, ROUNDS = 4, 8000
link = dict(unix_socket=sys.argv[1], user="root", autocommit=True)
k = pymysql.connect(**link).cursor()
k.execute("CREATE DATABASE d")
k.execute("CREATE TABLE d.t (id INT PRIMARY KEY, v INT) ENGINE=InnoDB")
k.execute("INSERT INTO d.t SELECT seq, 0 FROM d.seq_1_to_100")
done = threading.Event()

def clerk(seed):  # commits all the time; every commit raises the sum by one
    k, r = pymysql.connect(**link).cursor(), random.Random(seed)
    while not done.is_set():
        try:
            k.execute("UPDATE d.t SET v = v + 1 WHERE id = %s", (r.randint(1, 100),))
        except pymysql.err.OperationalError:
            pass  # the two clerks met on a row

def place(k):
    k.execute("SHOW STATUS LIKE 'Binlog_snapshot_%'")
    return tuple(row[1] for row in k.fetchall())

meet = threading.Barrier(SESSIONS)
answers = [None] * SESSIONS
seen = dict(rounds=0, wrong=0, together=0, alone=0)

def reader(i):
    k = pymysql.connect(**link).cursor()
    while True:
        k.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")
        meet.wait()
        together = place(k)
        meet.wait()
        k.execute("SELECT SUM(v) FROM d.t")
        state = k.fetchone()[0]
        for j in range(SESSIONS):
            if i == j:
                alone = place(k)
            meet.wait()
        answers[i] = together, alone, state
        meet.wait()
        if i == 0:
            a, b, states = (set(column) for column in zip(*answers))
            seen["rounds"] += 1
            seen["wrong"] += any(x != y for x, y, _ in answers)
            seen["together"] += len(a) == 1 and len(states) > 1
            seen["alone"] += len(b) == 1 and len(states) > 1
            if seen["together"] or seen["rounds"] == ROUNDS:
                done.set()
        meet.wait()
        k.execute("ROLLBACK")
        if done.is_set():
            return

threads = [threading.Thread(target=clerk, args=(n,)) for n in (1, 2)]
threads += [threading.Thread(target=reader, args=(i,)) for i in range(SESSIONS)]
for t in threads: t.start()
for t in threads: t.join()
print(f"after {seen['rounds']} rounds, {seen['wrong']} of them with a wrong answer", file=sys.stderr)
print("asked together: alike, and different states:", "seen" if seen["together"] else "never")
print("asked one by one: alike, and different states:", "seen" if seen["alone"] else "never")
PY

for kind in mariadb10 mariadb11; do
  start "$kind" "$kind" --log-bin
  see "$kind, 4 sessions, each with a snapshot of its own" \
    "$(printf '%s\n' 'asked together: alike, and different states: seen' 'asked one by one: alike, and different states: never')" \
    "$(python "$ROOM/ask.py" "$(sock "$kind")")"
done
