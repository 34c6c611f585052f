//! Which tables travel together: small ones, several in a step; pure.
//!
//! Each small table is in one group, in the order of the tables. A group is bounded by the number of its tables,
//! which bounds its time as well (a table of some rows costs a server some hundredths of a second where it is made,
//! loaded and indexed), and by their bytes together. Few small tables have steps of their own: there is nothing
//! to win, and all workers find something to do.

use std::collections::HashSet;

use longshore_shared::domain::step::TableMode;

use super::layout::Laid;
use crate::engine::shape::Range;
use crate::steps::sync::table::{Bystander, TablePlan};

/// A table of one range and at most so many bytes is small; a group's tables have no more together.
pub(super) const SMALL_BYTES: i64 = 8 << 20;
/// So many small tables or more travel together.
const LEAST: usize = 32;
/// Groups that there are at least, so that all workers have something to do.
const SPREAD: usize = 16;
/// Tables of a group.
const MOST: usize = 64;

/// Groups of places among the tables. `guarded`: what goes of tables is counted before anything is written.
pub(super) fn groups(tables: &[Laid], outside: &[Bystander], guarded: bool) -> Vec<Vec<usize>> {
    let parents: HashSet<i32> = outside.iter().map(|one| one.parent).collect();
    let fits = |table: &Laid| {
        let is_counted = guarded && !table.prune_ranges.is_empty();
        let is_replaced = table.plan.as_ref().is_some_and(|plan| plan.mode == TableMode::Replace);
        // What rows of other tables lose by it is looked at by a step of its own.
        let is_watched = is_replaced && parents.contains(&table.draft.number);
        !is_counted && !is_watched && table.plan.as_ref().is_some_and(|plan| is_small(table, plan))
    };
    let small: Vec<usize> = (0..tables.len()).filter(|&at| fits(&tables[at])).collect();
    if small.len() < LEAST {
        return Vec::new();
    }
    let most = small.len().div_ceil(SPREAD).min(MOST);
    let mut groups: Vec<Vec<usize>> = Vec::new();
    let mut bytes = 0;
    for at in small {
        let own = tables[at].draft.bytes_total;
        match groups.last_mut() {
            Some(group) if group.len() < most && bytes + own <= SMALL_BYTES => {
                group.push(at);
                bytes += own;
            }
            _ => {
                groups.push(vec![at]);
                bytes = own;
            }
        }
    }
    groups
}

/// Whether one step can do all of the table.
pub(super) fn is_small(table: &Laid, plan: &TablePlan) -> bool {
    let is_one = match plan.mode {
        TableMode::Create | TableMode::Fill | TableMode::Diff | TableMode::Replace => {
            table.ranges == [Range::ALL]
        }
        TableMode::Equal => true,
        TableMode::Refused | TableMode::Dump => false,
    };
    is_one && table.draft.bytes_total <= SMALL_BYTES && table.prune_ranges.len() <= 1
}

#[cfg(test)]
mod tests {
    use longshore_shared::domain::step::TableMode;
    use proptest::prelude::*;

    use super::super::fake::{plan, shape};
    use super::super::tests::laid;
    use super::*;

    fn tables(sizes: &[(i64, usize)]) -> Vec<Laid> {
        let table = |(number, (bytes, ranges)): (i32, &(i64, usize))| {
            let mut table = laid(number, plan(shape(&format!("t{number}")), TableMode::Diff), *ranges, 0);
            table.draft.bytes_total = *bytes;
            table
        };
        (0..).zip(sizes).map(table).collect()
    }

    proptest! {
        #[test]
        fn every_small_table_is_in_one_group_within_its_bounds(
            sizes in prop::collection::vec((0..12_i64 << 20, 1..3_usize), 0..400)
        ) {
            let tables = tables(&sizes);
            let groups = groups(&tables, &[], false);
            let small: Vec<usize> = (0..sizes.len()).filter(|&at| sizes[at].0 <= SMALL_BYTES && sizes[at].1 == 1).collect();
            let grouped: Vec<usize> = groups.concat();
            prop_assert_eq!(grouped, if small.len() < LEAST { Vec::new() } else { small });
            for group in groups {
                prop_assert!(!group.is_empty() && group.len() <= MOST);
                prop_assert!(group.iter().map(|&at| sizes[at].0).sum::<i64>() <= SMALL_BYTES);
            }
        }
    }

    #[test]
    fn few_small_tables_have_steps_of_their_own_and_many_are_spread() {
        for (many, expected) in [(31, 0), (32, 16), (160, 16), (1_600, 25)] {
            let tables = tables(&vec![(10, 1); many]);
            assert_eq!(groups(&tables, &[], false).len(), expected, "{many}");
        }
    }

    #[test]
    fn what_others_may_lose_parents_by_travels_alone() {
        let mut all = tables(&[(10, 1); 40]);
        all[3].prune_ranges = vec![Range::ALL];
        assert!(groups(&all, &[], false).concat().contains(&3));
        assert!(!groups(&all, &[], true).concat().contains(&3));
    }
}
