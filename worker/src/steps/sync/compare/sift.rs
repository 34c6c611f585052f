//! Which rows keys and hashes of both sides do not show to be equal; pure.

use std::collections::HashMap;

use crate::engine::RowHashes;
use crate::engine::shape::KeyTuple;

/// What came of keys and hashes of both sides.
pub(super) struct Sifted {
    /// Places of the source's rows that are not shown to be equal, with the larger side's bytes.
    pub(super) suspects: Vec<(usize, u64)>,
    /// How many rows only the target has.
    pub(super) extra: usize,
}

/// Both sides are in the key's order, so most rows stand where they are expected.
pub(super) fn sift(ours: &RowHashes, theirs: &RowHashes) -> Sifted {
    let (mut suspects, mut next, mut met) = (Vec::new(), 0, 0);
    let mut places: Option<HashMap<KeyTuple, usize>> = None;
    for at in 0..ours.len() {
        let row = ours.row(at);
        let expected = next < theirs.len() && ours.key(at).eq(theirs.key(next));
        let found = if expected {
            Some(next)
        } else {
            let all = || (next..theirs.len()).map(|place| (theirs.tuple(place), place)).collect();
            places.get_or_insert_with(all).get(&ours.tuple(at)).copied()
        };
        let there = found.map(|place| theirs.row(place));
        next = found.map_or(next, |place| place + 1);
        met += usize::from(found.is_some());
        if row.hash.is_none() || there.is_none_or(|there| there.hash != row.hash) {
            suspects.push((at, row.bytes.max(there.map_or(0, |there| there.bytes))));
        }
    }
    Sifted { suspects, extra: theirs.len() - met }
}

#[cfg(test)]
mod tests {
    use super::{Sifted, sift};
    use crate::engine::{Hashed, RowHashes};

    fn hashes(rows: &[(&str, u64, u64)]) -> RowHashes {
        let mut all = RowHashes::new(1);
        for (key, hash, bytes) in rows {
            all.push_value(key.as_bytes());
            all.push(Hashed { hash: (*hash > 0).then_some(*hash), bytes: *bytes });
        }
        all
    }

    #[test]
    fn what_hashes_do_not_show_to_be_equal() {
        for (ours, theirs, suspects, extra) in [
            (&[("1", 7, 1), ("2", 8, 1)][..], &[("1", 7, 1), ("2", 8, 1)][..], &[][..], 0),
            (&[("1", 7, 1), ("2", 8, 1)], &[("1", 7, 1), ("2", 9, 5)], &[(1, 5)], 0),
            (&[("1", 7, 1), ("3", 8, 1)], &[("1", 7, 1), ("2", 9, 5), ("3", 8, 1)], &[], 1),
            (&[("1", 7, 1), ("2", 8, 1), ("3", 9, 1)], &[("2", 8, 1), ("4", 1, 1)], &[(0, 1), (2, 1)], 1),
            (&[], &[("4", 1, 1)], &[], 1),
            // What could not be computed is equal to nothing.
            (&[("1", 0, 1)], &[("1", 0, 1)], &[(0, 1)], 0),
        ] {
            let Sifted { suspects: found, extra: alone } = sift(&hashes(ours), &hashes(theirs));
            assert_eq!((found.as_slice(), alone), (suspects, extra));
        }
    }
}
