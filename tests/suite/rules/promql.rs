//! Reading queries of Prometheus, as far as the rules need it: which series they ask for, by which labels.
//! No parser: functions, operators and numbers are passed over.

use std::collections::{BTreeMap, BTreeSet};

/// A matcher of a series: its label, its operator, its value.
pub(super) type Matcher = (String, String, String);

/// What a query asks for.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Asked {
    /// Each series with its matchers.
    pub(super) series: Vec<(String, Vec<Matcher>)>,
    /// Labels that results are grouped or matched by.
    pub(super) grouped: BTreeSet<String>,
}

const GROUPING: &[&str] = &["by", "without", "on", "ignoring", "group_left", "group_right"];
/// Words that are followed by no bracket at once.
const WORDS: &[&str] = &["and", "or", "unless", "bool", "offset", "sum", "max", "min", "count", "avg"];

/// What the query asks for; an error: it is not what the rules read.
pub(super) fn asked(query: &str) -> Result<Asked, String> {
    let mut asked = Asked::default();
    let mut rest = query;
    while let Some(c) = rest.chars().next() {
        if c == '[' {
            let end = rest.find(']').ok_or("a range without an end")?;
            rest = &rest[end + 1..];
        } else if c.is_ascii_digit() {
            rest = rest.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '.');
        } else if c.is_ascii_alphabetic() || c == '_' {
            let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || "_:".contains(c)));
            let (word, after) = rest.split_at(end.unwrap_or(rest.len()));
            rest = after.trim_start();
            if GROUPING.contains(&word) && rest.starts_with('(') {
                let (labels, after) = rest[1..].split_once(')').ok_or("labels without an end")?;
                asked
                    .grouped
                    .extend(labels.split(',').map(|l| l.trim().to_owned()).filter(|l| !l.is_empty()));
                rest = after;
            } else if rest.starts_with('(') || WORDS.contains(&word) {
                continue;
            } else {
                let (matchers, after) = matchers(rest)?;
                asked.series.push((word.to_owned(), matchers));
                rest = after;
            }
        } else {
            rest = &rest[c.len_utf8()..];
        }
    }
    Ok(asked)
}

/// The matchers in braces, if there are any, and what comes after them.
fn matchers(text: &str) -> Result<(Vec<Matcher>, &str), String> {
    let mut found = Vec::new();
    let Some(mut rest) = text.strip_prefix('{') else { return Ok((found, text)) };
    loop {
        rest = rest.trim_start_matches([',', ' ']);
        if let Some(after) = rest.strip_prefix('}') {
            return Ok((found, after));
        }
        let (head, after) =
            rest.split_once('"').ok_or_else(|| format!("a matcher without a value: {rest}"))?;
        let (value, after) = after.split_once('"').ok_or("a value without an end")?;
        let label = head.trim_end_matches(['=', '!', '~']);
        found.push((label.to_owned(), head[label.len()..].to_owned(), value.to_owned()));
        rest = after;
    }
}

/// The rules of a file: by name the expression and the other lines.
pub(super) fn rules(text: &str, kind: &str) -> BTreeMap<String, (String, Vec<String>)> {
    let mut found = BTreeMap::new();
    for rule in text.split(&format!("- {kind}: ")).skip(1) {
        let mut lines = rule.lines();
        let name = lines.next().unwrap_or_default().to_owned();
        let rest: Vec<&str> = lines.collect();
        let at = rest.iter().position(|line| line.trim_start().starts_with("expr: ")).expect("an expression");
        let first = rest[at].trim_start().trim_start_matches("expr: ");
        let indent = |line: &str| line.len() - line.trim_start().len();
        let expr = match first {
            "|" => {
                let deeper = rest[at + 1..].iter().take_while(|line| indent(line) > indent(rest[at]));
                deeper.map(|line| line.trim()).collect::<Vec<_>>().join(" ")
            }
            one => one.trim_matches('\'').to_owned(),
        };
        found.insert(name, (expr, rest.iter().map(|line| line.trim().to_owned()).collect()));
    }
    found
}

#[test]
fn queries_are_read() {
    type Expected<'a> = (&'a str, &'a [(&'a str, &'a str, &'a str)]);
    let check = |query: &str, series: &[Expected<'_>], grouped: &[&str]| {
        let found = asked(query).unwrap();
        let own = |text: &&str| (*text).to_owned();
        let expected = series.iter().map(|(name, matchers)| {
            let owned = matchers.iter().map(|(l, o, v)| (own(l), own(o), own(v))).collect();
            ((*name).to_owned(), owned)
        });
        assert_eq!(found.series, expected.collect::<Vec<_>>(), "{query}");
        assert_eq!(found.grouped.iter().map(String::as_str).collect::<Vec<_>>(), grouped, "{query}");
    };
    check("sum(a_total)", &[("a_total", &[])], &[]);
    check(
        "sum by (le, kind) (rate(a_bucket[$__rate_interval])) > 0.5",
        &[("a_bucket", &[])],
        &["kind", "le"],
    );
    check(
        r#"k:a:b1h{class!="x",kind=~"c|d"} / on (kind) group_left () max(e{le="+Inf"})"#,
        &[("k:a:b1h", &[("class", "!=", "x"), ("kind", "=~", "c|d")]), ("e", &[("le", "=", "+Inf")])],
        &["kind"],
    );
    check(r#"min by (job) (time() - s{r!="/v1/{id}"})"#, &[("s", &[("r", "!=", "/v1/{id}")])], &["job"]);
    check("(a or vector(0)) < 1", &[("a", &[])], &[]);
    assert!(asked("a{b}").is_err());
    let read = rules(
        "  - alert: A\n    expr: |\n      a\n      > 1\n    for: 1m\n  - alert: B\n    expr: b\n",
        "alert",
    );
    assert_eq!((read["A"].0.as_str(), read["B"].0.as_str()), ("a > 1", "b"));
}
