//! The lines that a run prints.

#![expect(clippy::print_stdout, reason = "the report is what a run is for")]

/// How a ratio is judged.
#[derive(Clone, Copy)]
pub(crate) enum Bound {
    /// Ours ÷ theirs may be so much at most (times).
    AtMost(f64),
    /// Ours ÷ theirs has to be so much at least (rates).
    AtLeast(f64),
    /// Nothing was promised.
    None,
}

/// A line of text.
pub(crate) fn note(text: &str) {
    println!("{text}");
}

/// The table's head.
pub(crate) fn head() {
    println!("{:<44} {:>12} {:>12} {:>8} {:>8}", "what", "ours", "floor", "ratio", "bound");
}

/// A measurement beside its floor.
pub(crate) fn line(what: &str, unit: &str, ours: f64, theirs: f64, bound: Bound) {
    let ratio = ours / theirs;
    let (shown, verdict) = match bound {
        Bound::AtMost(most) => (format!("<= {most:.2}"), judged(ratio <= most)),
        Bound::AtLeast(least) => (format!(">= {least:.2}"), judged(ratio >= least)),
        Bound::None => (String::new(), ""),
    };
    let (ours, theirs) = (format!("{ours:.1} {unit}"), format!("{theirs:.1} {unit}"));
    println!("{what:<44} {ours:>12} {theirs:>12} {ratio:>8.2} {shown:>8} {verdict}");
}

/// A measurement that has to keep a limit by itself.
pub(crate) fn limit(what: &str, unit: &str, ours: f64, most: f64) {
    let (shown, limit) = (format!("{ours:.1} {unit}"), format!("{most:.1} {unit}"));
    println!(
        "{what:<44} {shown:>12} {limit:>12} {:>8.2} {:>8} {}",
        ours / most,
        "<= 1.0",
        judged(ours <= most)
    );
}

fn judged(kept: bool) -> &'static str {
    if kept { "ok" } else { "MISS" }
}

/// The value below which `percent` of the sorted samples lie.
pub(crate) fn percentile(samples: &mut [f64], percent: usize) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples[(samples.len() * percent / 100).min(samples.len() - 1)]
}
