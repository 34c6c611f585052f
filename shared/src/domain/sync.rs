//! What a sync is to do: which tables, and what happens where both sides hold rows.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use wildmatch::WildMatch;

use super::filter::Filter;
use super::words;
use super::zone::Zone;

words! {
    /// What happens to a row that both sides have with other content.
    ConflictPolicy {
        /// The source's row overwrites the target's.
        SourceFirst = "source_first",
        /// The target's row stays; only missing rows are added.
        TargetFirst = "target_first",
    }
}

words! {
    /// What happens to a table without a key whose two sides differ.
    Keyless {
        /// It fails in the plan.
        Refuse = "refuse",
        /// All its rows are replaced.
        Replace = "replace",
    }
}

words! {
    /// What happens to an existing target table that has triggers.
    TargetTriggers {
        /// It fails in the plan.
        Refuse = "refuse",
        /// They fire for each written row.
        Fire = "fire",
    }
}

words! {
    /// What one unfit table means for the others.
    OnMismatch {
        /// The job fails before any row moves.
        Fail = "fail",
        /// The others run; the job ends `failed` with results table by table.
        Continue = "continue",
    }
}

words! {
    /// What happens when another job writes the same tables of the target.
    TargetBusy {
        /// This one waits for its end.
        Wait = "wait",
        /// This one fails.
        Refuse = "refuse",
    }
}

/// Which tables a sync covers. Patterns know `*` (any run) and `?` (one character).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "mode", rename_all = "snake_case")]
pub enum Selection {
    /// All tables.
    Full,
    /// Tables that match a pattern of `tables` and none of `exclude`.
    Selective {
        /// Names or patterns.
        tables: Vec<String>,
        /// Names or patterns that are left out.
        #[serde(default)]
        exclude: Vec<String>,
    },
}

/// Conditions by the names of their tables.
pub type Filters = BTreeMap<String, Filter>;

/// What a sync is to do, apart from where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncSpec {
    /// Which tables.
    pub selection: Selection,
    /// Of these tables only the rows that meet the condition.
    #[serde(default)]
    pub filters: Filters,
    /// The zone of dates and times in the conditions, and of the current time there.
    #[serde(default)]
    pub filter_zone: Zone,
    /// What happens to rows that differ.
    pub policy: ConflictPolicy,
    /// Rows that only the target has are deleted.
    pub delete_extra: bool,
    /// If these are more than so many hundredths of a table's rows, the run fails instead, unless
    /// it is confirmed: most likely the source is not what it should be.
    #[serde(default = "SyncSpec::half")]
    pub max_delete_percent: i32,
    /// A person said for this run that it may delete any number of rows.
    #[serde(default)]
    pub deletes_confirmed: bool,
    /// What happens to differing tables without a key.
    pub keyless: Keyless,
    /// What happens to target tables with triggers.
    pub target_triggers: TargetTriggers,
    /// What one unfit table means for the others.
    pub on_mismatch: OnMismatch,
    /// What happens when another job writes the same tables of the target.
    #[serde(default = "SyncSpec::waits")]
    pub target_busy: TargetBusy,
}

impl SyncSpec {
    /// What a task may delete unless it says otherwise.
    const DELETE_PERCENT: i32 = 50;

    /// What a task does that says nothing else.
    pub const fn new(selection: Selection, policy: ConflictPolicy) -> Self {
        Self {
            selection,
            filters: Filters::new(),
            filter_zone: Zone::UTC,
            policy,
            delete_extra: false,
            max_delete_percent: Self::DELETE_PERCENT,
            deletes_confirmed: false,
            keyless: Keyless::Refuse,
            target_triggers: TargetTriggers::Refuse,
            on_mismatch: OnMismatch::Fail,
            target_busy: TargetBusy::Wait,
        }
    }

    /// What a task does that was made before there was a choice.
    const fn waits() -> TargetBusy {
        TargetBusy::Wait
    }

    const fn half() -> i32 {
        Self::DELETE_PERCENT
    }

    /// Whether a run may delete so many of a table's rows.
    pub fn may_delete(&self, deleted: u64, of: u64) -> bool {
        let (deleted, of) = (i128::from(deleted), i128::from(of));
        self.deletes_confirmed || deleted * 100 <= of * i128::from(self.max_delete_percent)
    }
}

impl Selection {
    /// Whether the table of this name is covered.
    pub fn covers(&self, table: &str) -> bool {
        match self {
            Self::Full => true,
            Self::Selective { tables, exclude } => {
                tables.iter().any(|p| matches(p, table)) && !exclude.iter().any(|p| matches(p, table))
            }
        }
    }

    /// The plain names (not patterns) that none of `existing` bears: most likely slips.
    pub fn missing<'a>(&'a self, existing: &[&str]) -> Vec<&'a str> {
        match self {
            Self::Full => Vec::new(),
            Self::Selective { tables, .. } => tables
                .iter()
                .map(String::as_str)
                .filter(|p| !is_pattern(p) && !existing.contains(p))
                .collect(),
        }
    }

    /// Whether some of what it covers is not named, so that it depends on what is there.
    pub fn is_open(&self) -> bool {
        match self {
            Self::Full => true,
            Self::Selective { tables, .. } => tables.iter().any(|p| is_pattern(p)),
        }
    }
}

fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?'])
}

/// Whether `name` matches `pattern`: `*` is any run of characters, `?` is one; case counts, and
/// nothing escapes them.
fn matches(pattern: &str, name: &str) -> bool {
    WildMatch::new(pattern).matches(name)
}

#[cfg(test)]
mod tests {
    use super::{Selection, matches};

    #[test]
    fn patterns() {
        let check = |pattern: &str, name: &str, expected: bool| {
            assert_eq!(matches(pattern, name), expected, "{pattern} ~ {name}");
        };
        check("orders", "orders", true);
        check("orders", "Orders", false);
        check("order*", "order", true);
        check("*s", "orders", true);
        check("o*d*s", "orders", true);
        check("o?ders", "orders", true);
        check("o?ders", "oders", false);
        check("*", "", true);
        check("", "a", false);
        check("*a*b*c*", "xxaxxbxx", false);
        check("l?den", "läden", true);
        check("a\\*", "a*", false);
        check("[ab]", "a", false);
    }

    #[test]
    fn selective_takes_and_leaves_out() {
        let s = Selection::Selective { tables: vec!["a*".into(), "gone".into()], exclude: vec!["ab".into()] };
        assert!(s.covers("aa"));
        assert!(!s.covers("ab"));
        assert_eq!(s.missing(&["aa", "ab"]), ["gone"]);
    }
}
