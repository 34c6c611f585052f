//! What processes measure, read as Prometheus reads it.

use std::collections::BTreeMap;

use crate::fleet::Process;

/// The metrics of one process, or of several taken together.
#[derive(Clone, Debug, Default)]
pub struct Scrape {
    /// Each metric's help.
    pub help: BTreeMap<String, String>,
    samples: Vec<Sample>,
}

#[derive(Clone, Debug)]
struct Sample {
    name: String,
    labels: BTreeMap<String, String>,
    value: f64,
}

impl Scrape {
    /// The metrics of these processes, added up.
    pub async fn of(processes: impl IntoIterator<Item = &Process>) -> Self {
        let mut all = Self::default();
        for process in processes {
            let one = Self::parse(&process.metrics().await);
            all.help.extend(one.help);
            all.samples.extend(one.samples);
        }
        all
    }

    /// Reads Prometheus's text form.
    pub fn parse(text: &str) -> Self {
        let mut scrape = Self::default();
        for line in text.lines() {
            if let Some((name, help)) = line.strip_prefix("# HELP ").and_then(|rest| rest.split_once(' ')) {
                scrape.help.insert(name.to_owned(), help.to_owned());
            } else if !line.starts_with('#') && !line.is_empty() {
                scrape.samples.push(sample(line));
            }
        }
        scrape
    }

    /// Whether there is a sample of this metric, in any of a histogram's parts.
    pub fn has(&self, name: &str) -> bool {
        let count = format!("{name}_count");
        self.samples.iter().any(|sample| sample.name == name || sample.name == count)
    }

    /// The sum of all samples of this name whose labels include these.
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let fits = |sample: &&Sample| {
            sample.name == name
                && labels.iter().all(|(key, value)| sample.labels.get(*key).is_some_and(|v| v == value))
        };
        self.samples.iter().filter(fits).map(|sample| sample.value).sum()
    }

    /// Every value that a label has anywhere.
    pub fn label_values(&self) -> Vec<&str> {
        self.samples.iter().flat_map(|sample| sample.labels.values()).map(String::as_str).collect()
    }
}

fn sample(line: &str) -> Sample {
    let (series, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("no sample: {line}"));
    let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
    let labels = labels.trim_end_matches('}').split("\",").filter(|label| !label.is_empty());
    let read = |label: &str| {
        let (key, value) = label.split_once("=\"").unwrap_or_else(|| panic!("no label: {line}"));
        (key.to_owned(), value.trim_end_matches('"').to_owned())
    };
    Sample {
        name: name.to_owned(),
        labels: labels.map(read).collect(),
        value: value.parse().unwrap_or_else(|_| panic!("no value: {line}")),
    }
}
