//! Alerts and dashboards: what they ask for is measured, and each tells its reader what it needs.

use std::collections::{BTreeMap, BTreeSet};

use longshore_shared::telemetry::{Kind, Metric, PROCESS};
use longshore_tests::place;
use serde_json::Value;

use super::documents::anchors;
use super::promql::{asked, rules};
use super::source::walk;

fn read(path: &str) -> String {
    let path = place::repository().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn alerts() -> BTreeMap<String, (String, Vec<String>)> {
    let found = rules(&read("deploy/prometheus/rules/alerts.yml"), "alert");
    assert!(found.len() > 20, "{} alerts", found.len());
    found
}

fn records() -> BTreeMap<String, (String, Vec<String>)> {
    rules(&read("deploy/prometheus/rules/recording.yml"), "record")
}

/// Each dashboard with its file's name.
fn dashboards() -> Vec<(String, Value)> {
    let mut paths = Vec::new();
    walk(&place::repository().join("deploy/grafana/dashboards"), &mut paths);
    assert_eq!(paths.len(), 4);
    paths
        .iter()
        .map(|path| {
            let text = std::fs::read_to_string(path).unwrap();
            (path.file_name().unwrap().to_string_lossy().into_owned(), serde_json::from_str(&text).unwrap())
        })
        .collect()
}

/// The panels that show something.
fn panels(dashboard: &Value) -> impl Iterator<Item = &Value> {
    dashboard["panels"].as_array().unwrap().iter().filter(|panel| panel["type"] != "row")
}

/// The labels of a series with the values that are listed, if it is measured at all.
fn labels_of(series: &str) -> Option<BTreeMap<String, Option<Vec<&'static str>>>> {
    let mut labels: BTreeMap<_, _> = ["job", "instance"].map(|label| (label.to_owned(), None)).into();
    if series == "up" || PROCESS.contains(&series) {
        return Some(labels);
    }
    if let Some((level, _)) = series.split_once(':') {
        labels.extend(level.split('_').map(|label| (label.to_owned(), None)));
        return records().contains_key(series).then_some(labels);
    }
    let metric = Metric::ALL.iter().find(|metric| {
        let parts: &[&str] = match metric.kind() {
            Kind::Histogram(_) => &["_bucket", "_sum", "_count"],
            Kind::Counter | Kind::Gauge => &[""],
        };
        series.strip_prefix(metric.name()).is_some_and(|part| parts.contains(&part))
    })?;
    if let (Kind::Histogram(bounds), true) = (metric.kind(), series.ends_with("_bucket")) {
        let shown = bounds.iter().map(|bound| &*bound.to_string().leak());
        labels.insert("le".to_owned(), Some(shown.chain(["+Inf"]).collect()));
    }
    labels.extend(metric.labels().iter().map(|label| (label.key.to_owned(), label.values())));
    Some(labels)
}

/// What is wrong with a query.
fn wrong(query: &str) -> Vec<String> {
    let asked = match asked(query) {
        Ok(asked) => asked,
        Err(why) => return vec![why],
    };
    let (mut wrong, mut known) = (Vec::new(), BTreeSet::new());
    for (series, matchers) in &asked.series {
        let Some(labels) = labels_of(series) else {
            wrong.push(format!("nobody measures {series}"));
            continue;
        };
        for (label, operator, value) in matchers {
            let Some(words) = labels.get(label) else {
                wrong.push(format!("{series} has no label {label}"));
                continue;
            };
            let given: Vec<&str> =
                if operator.ends_with('~') { value.split('|').collect() } else { vec![value.as_str()] };
            let unknown =
                given.iter().filter(|word| words.as_ref().is_some_and(|words| !words.contains(word)));
            wrong.extend(unknown.map(|word| format!("{label} of {series} is never {word}")));
        }
        known.extend(labels.into_keys());
    }
    let unknown = asked.grouped.iter().filter(|label| !known.contains(*label));
    wrong.extend(unknown.map(|label| format!("nothing has the label {label}")));
    wrong
}

#[test]
fn every_query_asks_for_what_is_measured() {
    let mut queries = Vec::new();
    for (name, (expr, _)) in alerts().into_iter().chain(records()) {
        queries.push((name, expr));
    }
    for (file, dashboard) in dashboards() {
        for panel in panels(&dashboard) {
            let targets = panel["targets"].as_array().unwrap().iter();
            queries.extend(targets.map(|target| {
                (format!("{file}: {}", panel["title"]), target["expr"].as_str().unwrap().to_owned())
            }));
        }
    }
    assert!(queries.len() > 100, "{} queries", queries.len());
    let found: Vec<_> = queries
        .iter()
        .flat_map(|(place, query)| {
            wrong(query).into_iter().map(move |why| format!("{place}: {why}: {query}"))
        })
        .collect();
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn what_nobody_measures_is_found() {
    let check = |query: &str, is_good: bool| {
        let found = wrong(query);
        assert_eq!(found.is_empty(), is_good, "{query}: {found:?}");
    };
    check(r#"sum by (kind) (longshore_jobs{state="running"})"#, true);
    check("longshore_job", false);
    check("longshore_jobs_total_bucket", false);
    check("longshore_job_duration_seconds", false);
    check(r#"longshore_job_duration_seconds_bucket{le="2.5"}"#, true);
    check(r#"longshore_job_duration_seconds_bucket{le="2"}"#, false);
    check(r#"longshore_jobs{state="completed"}"#, false);
    check(r#"longshore_jobs{status="running"}"#, false);
    check("sum by (class) (longshore_jobs)", false);
    check("kind_state:longshore_jobs:increase1h", true);
    check("kind:longshore_jobs:increase1h", false);
}

#[test]
fn each_alert_says_how_bad_it_is_and_what_to_do() {
    let anchors = anchors(&read("docs/operations.md"));
    let page = read("docs/operations.md");
    for (name, (_, lines)) in alerts() {
        let value = |key: &str| {
            let found = lines.iter().find_map(|line| line.strip_prefix(key));
            found.unwrap_or_else(|| panic!("{name} has no `{key}`")).trim().to_owned()
        };
        let severity = value("severity:");
        assert!(["critical", "warning", "info"].contains(&severity.as_str()), "{name}: {severity}");
        assert!(!value("summary:").is_empty() && !value("description:").is_empty(), "{name}");
        let anchor = name.to_lowercase();
        assert_eq!(value("runbook_url:"), format!("docs/operations.md#{anchor}"), "{name}");
        assert!(anchors.contains(&anchor), "docs/operations.md has no paragraph {name}");
        let wait = value("for:");
        let told = if wait == "0m" { "at once".to_owned() } else { format!("after {wait}") };
        let (_, paragraph) = page.split_once(&format!("### {name}\n")).unwrap();
        let paragraph = paragraph.split("\n#").next().unwrap();
        for part in [&*format!("*{severity}, {told}.*"), "\nLook at: ", "\nDo: "] {
            assert!(paragraph.contains(part), "{name}'s paragraph lacks {part:?}");
        }
    }
}

#[test]
fn each_alert_is_tried_with_a_good_and_a_bad_case() {
    let tried = read("deploy/prometheus/tests/alerts.yml");
    for name in alerts().keys() {
        for case in ["is quiet", "fires"] {
            assert!(tried.contains(&format!("- name: {name} {case}\n")), "{name} {case}");
        }
    }
}

#[test]
fn each_panel_has_a_unit_and_a_description() {
    let mut uids = BTreeSet::new();
    for (file, dashboard) in dashboards() {
        for field in ["uid", "title", "schemaVersion", "time", "refresh", "templating", "annotations", "tags"]
        {
            assert!(!dashboard[field].is_null(), "{file}: {field}");
        }
        assert!(dashboard["schemaVersion"].as_u64().is_some_and(|version| version >= 36), "{file}");
        assert!(uids.insert(dashboard["uid"].as_str().unwrap().to_owned()), "{file}: its uid is taken");
        let mut ids = BTreeSet::new();
        for panel in dashboard["panels"].as_array().unwrap() {
            let title = panel["title"].as_str().unwrap();
            assert!(ids.insert(panel["id"].as_u64().unwrap()), "{file}: {title}: its id is taken");
            let place = |key: &str| panel["gridPos"][key].as_u64().unwrap();
            assert!(place("x") + place("w") <= 24 && place("h") > 0, "{file}: {title} is out of the grid");
        }
        for panel in panels(&dashboard) {
            let title = panel["title"].as_str().unwrap();
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            assert!(["timeseries", "stat"].contains(&panel["type"].as_str().unwrap()), "{file}: {title}");
            assert!(
                !text(&panel["fieldConfig"]["defaults"]["unit"]).is_empty(),
                "{file}: {title} has no unit"
            );
            assert!(text(&panel["description"]).ends_with('.'), "{file}: {title} has no description");
            assert_eq!(panel["datasource"]["type"], "prometheus", "{file}: {title}");
            let targets = panel["targets"].as_array().unwrap();
            let refs: BTreeSet<_> = targets.iter().map(|target| text(&target["refId"])).collect();
            assert!(!targets.is_empty() && refs.len() == targets.len(), "{file}: {title}");
        }
    }
}
