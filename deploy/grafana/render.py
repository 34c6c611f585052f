#!/usr/bin/env python3
"""Writes the dashboards' JSON; what a panel shows stands in the tables of this file.

    render.py           write deploy/grafana/dashboards/*.json
    render.py --check   exit 1 and name the files that are not what this writes

Invariants: each panel has a unit and a description; an alert's own expression stands on the dashboard that
its runbook names. That each query's metric and label exist is held by the rule tests (tests/suite/rules).
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Dict, List, Sequence, Tuple

FOLDER = Path(__file__).resolve().parent / "dashboards"
_SOURCE = {"type": "prometheus", "uid": "${datasource}"}
_WIDTH, _HEIGHT, _STAT_HEIGHT = 8, 8, 4

# A query and what its series are called.
Query = Tuple[str, str]
# Kind (stat, line, stack), title, unit, description, queries.
Panel = Tuple[str, str, str, str, Sequence[Query]]
# A row's title and its panels.
Row = Tuple[str, Sequence[Panel]]


def _quantiles(metric: str, labels: str = "") -> List[Query]:
    """The median, the 95th and the 99th percentile of a histogram's series with these labels."""
    ask = f"sum by (le) (rate({metric}_bucket{labels}[$__rate_interval]))"
    return [(f"histogram_quantile({q}, {ask})", f"p{q * 100:.0f}") for q in (0.5, 0.95, 0.99)]


FLEET: Sequence[Row] = (
    (
        "Now",
        (
            ("stat", "Workers", "short", "Workers with a fresh heartbeat.", [("sum(longshore_workers_live)", "")]),
            ("stat", "Permits", "short", "Bulk steps that the live workers may hold at once.",
             [("sum(longshore_worker_permits)", "")]),
            ("stat", "Saturation", "percentunit", "Steps in hand for each permit; small queues have slots beside them.",
             [("longshore:worker_saturation:ratio", "")]),
            ("stat", "Processes", "short", "Processes that answer Prometheus, by program.",
             [('sum by (job) (up{job=~"longshore-.+"})', "{{job}}")]),
        ),
    ),
    (
        "Steps",
        (
            ("stack", "Steps in hand", "short", "Steps that each worker holds.",
             [("sum by (instance) (longshore_steps_running)", "{{instance}}")]),
            ("line", "Steps that wait", "short", "Steps that may be claimed and are not, by queue.",
             [("sum by (queue) (longshore_steps_unclaimed)", "{{queue}}")]),
            ("line", "Age of queues", "s", "How long the oldest step of each queue has waited to be claimed.",
             [("max by (queue) (longshore_queue_age_seconds)", "{{queue}}")]),
            ("line", "Claim latency", "s", "From a step's announcement to its claim.",
             _quantiles("longshore_claim_latency_seconds")),
            ("stack", "Ends of attempts", "ops", "Attempts at steps that ended, by how.",
             [("sum by (outcome) (rate(longshore_steps_total[$__rate_interval]))", "{{outcome}}")]),
            ("line", "Window fill", "percentunit", "The share of its window that a running job has out, the median job.",
             [("histogram_quantile(0.5, sum by (le) (rate(longshore_window_fill_ratio_bucket[$__rate_interval])))",
               "median")]),
        ),
    ),
    (
        "Leases and processes",
        (
            ("line", "Leases", "short", "Leases that were taken back from silent workers, and steps that workers stopped for it, in five minutes.",
             [("sum(increase(longshore_lease_expired_total[5m]))", "taken back"),
              ("sum(increase(longshore_lease_lost_total[5m]))", "lost")]),
            ("line", "Holders of snapshots", "short", "Holders that were struck off, and jobs that started again for it, in five minutes.",
             [("sum(increase(longshore_holders_lost_total[5m]))", "holders lost"),
              ("sum(increase(longshore_jobs_restarted_total[5m]))", "jobs restarted")]),
            ("line", "Messages taken", "ops", "Deliveries of RabbitMQ, by what was done with them.",
             [("sum by (result) (rate(longshore_messages_received_total[$__rate_interval]))", "{{result}}")]),
            ("line", "Memory", "bytes", "Resident memory of each process.",
             [("process_resident_memory_bytes{job=~\"longshore-.+\"}", "{{job}} {{instance}}")]),
            ("line", "Processor", "percentunit", "Processors that each process uses.",
             [("rate(process_cpu_seconds_total{job=~\"longshore-.+\"}[$__rate_interval])", "{{job}} {{instance}}")]),
            ("line", "Open files", "short", "Open file descriptors of each process, connections among them.",
             [("process_open_fds{job=~\"longshore-.+\"}", "{{job}} {{instance}}")]),
        ),
    ),
    (
        "Releases",
        (
            ("stat", "Releases", "short", "Processes of each release.",
             [("count by (program, version) (longshore_build_info)", "{{program}} {{version}}")]),
            ("stat", "Uptime", "s", "How long the youngest process of each program has run.",
             [('min by (job) (time() - process_start_time_seconds{job=~"longshore-.+"})', "{{job}}")]),
        ),
    ),
)

JOBS: Sequence[Row] = (
    (
        "Now",
        (
            ("stat", "Running", "short", "Jobs that a worker has begun.", [('sum(longshore_jobs{state="running"})', "")]),
            ("stat", "Waiting", "short", "Jobs that no worker has begun.", [('sum(longshore_jobs{state="pending"})', "")]),
            ("stat", "Failed in an hour", "short", "Jobs that ended as failed within the last hour.",
             [("sum(kind_class:longshore_job_failures:increase1h)", "")]),
        ),
    ),
    (
        "Ends",
        (
            ("stack", "Jobs that ended", "short", "Jobs that reached a final state, in five minutes.",
             [("sum by (state) (increase(longshore_jobs_total[5m]))", "{{state}}")]),
            ("stack", "Failures by class", "short", "Jobs that failed, by kind and class of the failure, in an hour.",
             [("kind_class:longshore_job_failures:increase1h > 0", "{{kind}} {{class}}")]),
            ("line", "Failure ratio", "percentunit", "The share of the jobs that ended within an hour which failed, by kind.",
             [("kind:longshore_job_failure:ratio1h", "{{kind}}")]),
            ("line", "Duration of syncs", "s", "From the claim of a sync's first step to its final state.",
             _quantiles("longshore_job_duration_seconds", '{kind="sync"}')),
            ("line", "Duration by kind", "s", "The 95th percentile of the duration, by kind of job.",
             [("histogram_quantile(0.95, sum by (le, kind) (rate(longshore_job_duration_seconds_bucket[$__rate_interval])))",
               "{{kind}}")]),
            ("line", "Retries", "short", "Attempts at steps that failed and were made again, in 15 minutes.",
             [("kind_class:longshore_step_retries:increase15m > 0", "{{kind}} {{class}}")]),
        ),
    ),
    (
        "What stands",
        (
            ("stack", "Jobs that have not ended", "short", "Jobs by kind and state.",
             [("sum by (kind, state) (longshore_jobs)", "{{kind}} {{state}}")]),
            ("line", "Oldest running", "s", "For how long the oldest running job of each kind has run.",
             [('max by (kind) (longshore_oldest_job_seconds{state="running"})', "{{kind}}")]),
            ("line", "Oldest waiting", "s", "For how long the oldest job of each kind has waited to begin.",
             [('max by (kind) (longshore_oldest_job_seconds{state="pending"})', "{{kind}}")]),
            ("line", "Rows", "rowsps", "Rows written to targets.",
             [("sum(rate(longshore_rows_moved_total[$__rate_interval]))", "rows")]),
            ("line", "Bytes", "Bps", "Bytes read from sources.",
             [("sum(rate(longshore_bytes_moved_total[$__rate_interval]))", "bytes")]),
            ("line", "Tasks overdue", "short", "Scheduled tasks without a success since a due time of an hour ago.",
             [("sum(longshore_tasks_overdue)", "overdue"), ("sum(longshore_tasks_scheduled)", "scheduled")]),
        ),
    ),
)

SYNC: Sequence[Row] = (
    (
        "Steps of syncs",
        (
            ("stack", "Tables and chunks", "ops", "Steps of syncs that were done, by what they do.",
             [('sum by (kind) (rate(longshore_steps_total{outcome="done",kind=~"copy|diff|replace|index|prune|reconcile"}[$__rate_interval]))',
               "{{kind}}")]),
            ("line", "Duration of chunks", "s", "The 95th percentile of how long a step of a table takes.",
             [('histogram_quantile(0.95, sum by (le, kind) (rate(longshore_step_duration_seconds_bucket{kind=~"copy|diff|replace"}[$__rate_interval])))',
               "{{kind}}")]),
            ("line", "Rows and bytes", "short", "Rows written to targets, and mebibytes read from sources, each second.",
             [("sum(rate(longshore_rows_moved_total[$__rate_interval]))", "rows/s"),
              ("sum(rate(longshore_bytes_moved_total[$__rate_interval])) / 1048576", "MiB/s")]),
        ),
    ),
    (
        "Snapshots",
        (
            ("line", "Commit stall", "s", "For how long commits stood still on a source while a snapshot's views were opened.",
             _quantiles("longshore_commit_stall_seconds")),
            ("line", "Stalls and points", "short", "Stalls, those of more than 2.5 seconds, and points that were tried, in an hour.",
             [("sum(increase(longshore_commit_stall_seconds_count[1h]))", "stalls"),
              ('sum(increase(longshore_commit_stall_seconds_count[1h])) - sum(increase(longshore_commit_stall_seconds_bucket{le="2.5"}[1h]))',
               "longer than 2.5 s"),
              ("sum(increase(longshore_snapshot_rounds_total[1h]))", "points tried")]),
            ("line", "Sessions", "short", "Sessions taken and allowed on databases with a `max_sessions`.",
             [("sum by (state) (longshore_limited_sessions)", "{{state}}"),
              ("sum(longshore_connections_full)", "connections that are full")]),
        ),
    ),
    (
        "Verification and connections",
        (
            ("line", "Verifications", "short", "Verifications of tables, by how their attempts ended, in an hour.",
             [('sum by (outcome) (increase(longshore_steps_total{kind="verify"}[1h])) > 0', "{{outcome}}")]),
            ("line", "Duration of verifications", "s", "How long a verification takes.",
             _quantiles("longshore_step_duration_seconds", '{kind="verify"}')),
            ("stack", "Connections", "short", "Saved connections, by what their last test found.",
             [("sum by (state) (longshore_connections)", "{{state}}")]),
        ),
    ),
)

CONTROL_PLANE: Sequence[Row] = (
    (
        "API",
        (
            ("stack", "Requests", "reqps", "Requests answered, by status.",
             [("sum by (status) (rate(longshore_http_requests_total[$__rate_interval]))", "{{status}}")]),
            ("line", "Latency", "s", "From a request to the head of its answer, without streams of events.",
             _quantiles("longshore_http_request_seconds", '{route!="/v1/jobs/{id}/events"}')),
            ("line", "Errors", "percentunit", "The share of answers of status 5xx.", [("longshore:http_errors:ratio5m", "5xx")]),
            ("line", "Errors by route", "reqps", "Answers of status 5xx, by route.",
             [('sum by (route, status) (rate(longshore_http_requests_total{status=~"5.."}[$__rate_interval])) > 0',
               "{{status}} {{route}}")]),
        ),
    ),
    (
        "PostgreSQL",
        (
            ("line", "Connections", "short", "Connections of each pool that are in use.",
             [('sum by (job, pool) (longshore_database_connections{state="used"})', "{{job}} {{pool}}")]),
            ("line", "Waits for a connection", "s", "How long a call waits for a connection of its pool.",
             _quantiles("longshore_database_wait_seconds")),
            ("line", "Errors", "ops", "Calls that failed, by trouble.",
             [("sum by (trouble) (rate(longshore_database_errors_total[$__rate_interval]))", "{{trouble}}")]),
        ),
    ),
    (
        "Store",
        (
            ("line", "Requests", "reqps", "Requests to the S3 store that ended, by result.",
             [("sum by (result) (rate(longshore_s3_requests_total[$__rate_interval])) > 0", "{{result}}")]),
            ("line", "Failures", "reqps", "Requests to the S3 store that failed, by program and result.",
             [('sum by (job, result) (rate(longshore_s3_requests_total{result=~"away|full|denied|no_bucket"}[2m])) > 0',
               "{{job}} {{result}}")]),
            ("line", "Latency", "s", "From a request to the store to the head of its answer.",
             _quantiles("longshore_s3_request_duration_seconds")),
            ("stack", "Bytes", "Bps", "Bytes of objects to the store and from it.",
             [("sum by (direction) (rate(longshore_s3_bytes_total[$__rate_interval]))", "{{direction}}")]),
            ("stack", "Swept", "short", "Objects and uploads that nobody needed any more and that were removed, in an hour.",
             [("sum by (what) (increase(longshore_store_swept_total[1h]))", "{{what}}")]),
        ),
    ),
    (
        "RabbitMQ",
        (
            ("line", "Connections that stand", "short", "Connections to RabbitMQ that stand, and processes that it blocks.",
             [("sum by (job, link) (longshore_bus_connected)", "{{job}} {{link}}"),
              ("sum(longshore_bus_blocked)", "blocked")]),
            ("line", "Outbox", "short", "Messages that are due and not confirmed.",
             [("sum(longshore_outbox_backlog)", "messages")]),
            ("line", "Age of the outbox", "s", "For how long the oldest message that is owed has been due.",
             [("max(longshore_outbox_age_seconds)", "age")]),
            ("line", "Publishing", "s", "From a message's publishing to its confirmation.",
             _quantiles("longshore_publish_confirm_seconds")),
            ("line", "Messages", "ops", "Messages confirmed, returned and announced again; connections lost.",
             [("sum(rate(longshore_outbox_published_total[$__rate_interval]))", "confirmed"),
              ("sum(rate(longshore_messages_returned_total[$__rate_interval]))", "returned"),
              ("sum(rate(longshore_steps_reannounced_total[$__rate_interval]))", "announced again"),
              ("sum(rate(longshore_bus_reconnects_total[$__rate_interval]))", "connections lost")]),
            ("line", "Dead letters", "short", "Messages that were put aside, in an hour.",
             [("sum by (class) (increase(longshore_dead_letters_total[1h]))", "{{class}}")]),
        ),
    ),
    (
        "Scheduler",
        (
            ("line", "Leaders", "short", "Schedulers that lead: one.", [("sum(longshore_scheduler_leader)", "leaders")]),
            ("line", "Schedules", "short", "Due times of schedules, by what came of them, in an hour.",
             [("sum by (result) (increase(longshore_schedules_fired_total[1h]))", "{{result}}")]),
            ("line", "Schedule lag", "s", "From a due time to its firing, and how long what is due longest waits.",
             [*_quantiles("longshore_schedule_lag_seconds"), ("max(longshore_schedule_wait_seconds)", "waits"),
              ("max(longshore_task_overdue_seconds)", "longest overdue")]),
            ("line", "Rounds of duties", "s", "The 95th percentile of how long a round takes, by duty.",
             [("histogram_quantile(0.95, sum by (le, duty) (rate(longshore_duty_round_seconds_bucket[$__rate_interval])))",
               "{{duty}}")]),
            ("line", "Rounds that failed", "short", "Rounds of duties that failed, in ten minutes.",
             [("sum by (duty) (increase(longshore_duty_failures_total[10m])) > 0", "{{duty}}")]),
        ),
    ),
    (
        "Webhooks",
        (
            ("line", "Deliveries", "short", "Tries to tell webhooks, by what came of them, in an hour.",
             [("sum by (result) (increase(longshore_webhook_deliveries_total[1h]))", "{{result}}")]),
            ("line", "Duration of a try", "s", "How long a try to tell a webhook takes.",
             _quantiles("longshore_webhook_try_seconds")),
            ("line", "Deliveries that are due", "short", "Deliveries that are due and not taken.",
             [("sum(longshore_webhook_backlog)", "due")]),
        ),
    ),
)

DASHBOARDS = (
    ("fleet", "Longshore / Fleet", "Workers, permits, queues, claims, leases.", FLEET),
    ("jobs", "Longshore / Jobs", "States, ends, failures, durations, what is oldest, throughput.", JOBS),
    ("sync", "Longshore / Sync", "Tables and chunks, snapshots, sessions, verification.", SYNC),
    ("control-plane", "Longshore / Control plane", "API, PostgreSQL, RabbitMQ, the store, scheduler, webhooks.", CONTROL_PLANE),
)


def _target(index: int, query: Query) -> Dict[str, Any]:
    expr, legend = query
    return {
        "datasource": _SOURCE,
        "editorMode": "code",
        "expr": expr,
        "legendFormat": legend or "__auto",
        "range": True,
        "refId": "ABCDEFGH"[index],
    }


def _panel(number: int, place: Dict[str, int], panel: Panel) -> Dict[str, Any]:
    kind, title, unit, description, queries = panel
    made: Dict[str, Any] = {
        "id": number,
        "type": "stat" if kind == "stat" else "timeseries",
        "title": title,
        "description": description,
        "datasource": _SOURCE,
        "gridPos": place,
        "fieldConfig": {"defaults": {"unit": unit, "min": 0}, "overrides": []},
        "targets": [_target(index, query) for index, query in enumerate(queries)],
    }
    if kind == "stat":
        made["options"] = {
            "colorMode": "value",
            "graphMode": "area",
            "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        }
    else:
        stacked = kind == "stack"
        made["fieldConfig"]["defaults"]["custom"] = {
            "drawStyle": "line",
            "lineWidth": 1,
            "fillOpacity": 30 if stacked else 5,
            "showPoints": "never",
            "stacking": {"mode": "normal" if stacked else "none", "group": "A"},
        }
        made["options"] = {
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
            "tooltip": {"mode": "multi", "sort": "desc"},
        }
    return made


def _panels(rows: Sequence[Row]) -> List[Dict[str, Any]]:
    made: List[Dict[str, Any]] = []
    y = 0
    for title, panels in rows:
        place = {"h": 1, "w": 24, "x": 0, "y": y}
        made.append({"id": len(made) + 1, "type": "row", "title": title, "collapsed": False, "gridPos": place, "panels": []})
        y += 1
        is_stats = all(kind == "stat" for kind, *_ in panels)
        width = 24 // len(panels) if is_stats else _WIDTH
        height = _STAT_HEIGHT if is_stats else _HEIGHT
        for index, panel in enumerate(panels):
            line, column = divmod(index * width, 24)
            place = {"h": height, "w": width, "x": column, "y": y + line * height}
            made.append(_panel(len(made) + 1, place, panel))
        y += height * -(-len(panels) * width // 24)
    return made


def _dashboard(uid: str, title: str, description: str, rows: Sequence[Row]) -> Dict[str, Any]:
    return {
        "uid": f"longshore-{uid}",
        "title": title,
        "description": description,
        "tags": ["longshore"],
        "schemaVersion": 39,
        "version": 1,
        "editable": False,
        "graphTooltip": 1,
        "refresh": "30s",
        "timezone": "browser",
        "time": {"from": "now-6h", "to": "now"},
        "annotations": {"list": []},
        "links": [{"type": "dashboards", "title": "Longshore", "tags": ["longshore"], "asDropdown": True}],
        "templating": {
            "list": [{"name": "datasource", "type": "datasource", "query": "prometheus", "label": "Data source"}]
        },
        "panels": _panels(rows),
    }


def main() -> int:
    """Writes or compares."""
    stale = []
    for uid, *rest in DASHBOARDS:
        path = FOLDER / f"{uid}.json"
        text = json.dumps(_dashboard(uid, *rest), indent=2, ensure_ascii=False) + "\n"
        if "--check" not in sys.argv:
            path.write_text(text)
        elif not path.exists() or path.read_text() != text:
            stale.append(path.name)
    if stale:
        print(f"error: deploy/grafana/render.py writes other dashboards: {' '.join(stale)}", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
