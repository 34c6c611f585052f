//! What a policy promises, as a model: maps instead of tables, a loop instead of a fleet.

use std::collections::{BTreeMap, BTreeSet};

use longshore_tests::client::Counts;
use rand::Rng as _;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;

/// A row without its key: a unique value (or NULL), and the place of its text in [`TEXTS`].
pub(super) type Row = (Option<i32>, usize);
/// A table: rows by the number of their key.
pub(super) type Table = BTreeMap<u32, Row>;

/// How many keys there are.
pub(super) const KEYS: u32 = 36;

/// Texts that collations hold for equal and that are not.
pub(super) const TEXTS: &[&str] = &["NULL", "''", "'a'", "'A'", "'a '", "'ä'", "'a\\0'", "'😀'", "'NULL'"];

/// Who wins, and whether the target's own rows go.
#[derive(Clone, Copy, Debug)]
pub(super) struct Policy {
    /// `source_first` (else `target_first`).
    pub(super) source_first: bool,
    /// `delete_extra`.
    pub(super) delete_extra: bool,
}

/// What the target holds afterwards, and what was done; `None` when it cannot be: two rows
/// would have the same unique value.
pub(super) fn synced(source: &Table, target: &Table, policy: Policy) -> Option<(Table, Counts)> {
    let mut counts = Counts::default();
    let mut after = target.clone();
    for (key, row) in source {
        match target.get(key) {
            None => counts.inserted += 1,
            Some(there) if there == row => counts.unchanged += 1,
            Some(_) if policy.source_first => counts.updated += 1,
            Some(_) => {
                counts.skipped += 1;
                continue;
            }
        }
        after.insert(*key, *row);
    }
    if policy.delete_extra {
        after.retain(|key, _| source.contains_key(key));
        counts.deleted = target.keys().filter(|key| !source.contains_key(key)).count().try_into().ok()?;
    }
    is_possible(&after).then_some((after, counts))
}

fn is_possible(table: &Table) -> bool {
    let mut seen = BTreeSet::new();
    table.values().filter_map(|(unique, _)| *unique).all(|unique| seen.insert(unique))
}

/// Two sides whose sync is possible under every policy of `policies`.
pub(super) fn sides(rng: &mut StdRng, policies: &[Policy]) -> (Table, Table) {
    loop {
        let (source, target) = similar(rng);
        let possible = is_possible(&source) && is_possible(&target);
        if possible && policies.iter().all(|policy| synced(&source, &target, *policy).is_some()) {
            return (source, target);
        }
    }
}

/// The target is the source with rows removed, added and changed, and unique values moved
/// round between rows.
fn similar(rng: &mut StdRng) -> (Table, Table) {
    let density = *[0.2, 0.5, 0.95].choose(rng).expect("some");
    let row = |rng: &mut StdRng, key: u32| {
        let unique = i32::try_from(key).expect("a small key") * 3;
        (rng.random_bool(0.8).then_some(unique), rng.random_range(0..TEXTS.len()))
    };
    let mut source = Table::new();
    for key in 0..KEYS {
        if rng.random_bool(density) {
            source.insert(key, row(rng, key));
        }
    }
    let mut target = source.clone();
    for key in 0..KEYS {
        match rng.random_range(0..10) {
            0 => drop(target.remove(&key)),
            1 => drop(target.insert(key, row(rng, key))),
            2 => {
                let text = rng.random_range(0..TEXTS.len());
                target.entry(key).and_modify(|row| row.1 = text);
            }
            _ => {}
        }
    }
    move_round(rng, &mut target);
    (source, target)
}

/// Unique values go from row to row in a ring: two rows swap, or more pass on.
fn move_round(rng: &mut StdRng, table: &mut Table) {
    let keys: Vec<u32> = table.keys().copied().collect();
    let size = rng.random_range(0..5).min(keys.len());
    let ring: Vec<u32> = keys.choose_multiple(rng, size).copied().collect();
    let values: Vec<Option<i32>> = ring.iter().map(|key| table[key].0).collect();
    for (at, key) in ring.iter().enumerate() {
        if let Some(row) = table.get_mut(key) {
            row.0 = values[(at + 1) % values.len()];
        }
    }
}

#[test]
fn the_model_says_what_the_policies_say() {
    let source = Table::from([(1, (None, 1)), (2, (None, 2)), (3, (Some(7), 3))]);
    let target = Table::from([(2, (None, 5)), (3, (Some(7), 3)), (4, (None, 4))]);
    let check = |source_first, delete_extra, expected: &[(u32, usize)]| {
        let (after, _) = synced(&source, &target, Policy { source_first, delete_extra }).unwrap();
        let found: Vec<_> = after.iter().map(|(key, row)| (*key, row.1)).collect();
        assert_eq!(found, expected);
    };
    check(true, false, &[(1, 1), (2, 2), (3, 3), (4, 4)]);
    check(true, true, &[(1, 1), (2, 2), (3, 3)]);
    check(false, false, &[(1, 1), (2, 5), (3, 3), (4, 4)]);
    check(false, true, &[(1, 1), (2, 5), (3, 3)]);
    let clash = Table::from([(9, (Some(7), 0))]);
    assert!(synced(&source, &clash, Policy { source_first: true, delete_extra: false }).is_none());
    assert!(synced(&source, &clash, Policy { source_first: true, delete_extra: true }).is_some());
}
