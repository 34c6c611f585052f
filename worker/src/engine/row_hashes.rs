//! What is told of rows instead of their content: keys and hashes, many together in little memory.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::shape::KeyTuple;

/// How a row's content is made a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hash {
    /// Cheap: of changes that it does not see there is one in 2^32 at most. Both sides of a
    /// comparison have the same number, which nobody knew when the rows were written.
    Quick(u32),
    /// 64 bits of a cryptographic hash.
    Strong,
}

/// Keys and hashes of rows, in the key's order.
#[derive(Debug, Default)]
pub struct RowHashes {
    keys: Vec<u8>,
    /// Where each value of each key ends.
    ends: Vec<u32>,
    /// Values of a key.
    width: usize,
    rows: Vec<Hashed>,
}

/// A row but for its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hashed {
    /// The server's hash of its content; `None`: it could not be computed.
    pub hash: Option<u64>,
    /// About how many bytes it has.
    pub bytes: u64,
}

impl RowHashes {
    /// Of rows whose key has so many values.
    pub fn new(width: usize) -> Self {
        Self { width, ..Self::default() }
    }

    /// Appends a value of the next row's key.
    pub fn push_value(&mut self, value: &[u8]) {
        self.keys.extend_from_slice(value);
        self.ends.push(u32::try_from(self.keys.len()).unwrap_or(u32::MAX));
    }

    /// Appends a row whose key's values have been appended.
    pub fn push(&mut self, row: Hashed) {
        self.rows.push(row);
        debug_assert_eq!(self.ends.len(), self.rows.len() * self.width, "each key has the same width");
    }

    /// How many rows these are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The row at a place that is there.
    pub fn row(&self, at: usize) -> Hashed {
        self.rows[at]
    }

    /// The values of the key at a place that is there.
    pub fn key(&self, at: usize) -> impl Iterator<Item = &[u8]> {
        (at * self.width..(at + 1) * self.width).map(|value| &self.keys[self.start(value)..self.end(value)])
    }

    /// As [`RowHashes::key`], to be kept.
    pub fn tuple(&self, at: usize) -> KeyTuple {
        KeyTuple(self.key(at).map(Bytes::copy_from_slice).collect())
    }

    /// Takes the last row away; answers its key.
    pub fn pop(&mut self) -> Option<KeyTuple> {
        let last = self.rows.len().checked_sub(1)?;
        let key = self.tuple(last);
        self.keys.truncate(self.start(last * self.width));
        self.ends.truncate(last * self.width);
        self.rows.pop();
        Some(key)
    }

    fn start(&self, value: usize) -> usize {
        value.checked_sub(1).map_or(0, |before| self.end(before))
    }

    fn end(&self, value: usize) -> usize {
        usize::try_from(self.ends[value]).unwrap_or(usize::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::{Hashed, RowHashes};

    #[test]
    fn keys_come_out_as_they_went_in() {
        let mut rows = RowHashes::new(2);
        let row = Hashed { hash: Some(7), bytes: 3 };
        let push = |rows: &mut RowHashes, key: [&[u8]; 2]| {
            key.into_iter().for_each(|value| rows.push_value(value));
            rows.push(row);
        };
        push(&mut rows, [b"1", b""]);
        push(&mut rows, [b"12", b"abc"]);
        assert_eq!(rows.len(), 2);
        assert_eq!(rows.key(0).collect::<Vec<_>>(), [&b"1"[..], b""]);
        assert_eq!(rows.key(1).collect::<Vec<_>>(), [&b"12"[..], b"abc"]);
        let last = rows.pop().expect("there is one");
        assert_eq!(last.0, [&b"12"[..], b"abc"]);
        push(&mut rows, [b"2", b"x"]);
        assert_eq!(rows.key(1).collect::<Vec<_>>(), [&b"2"[..], b"x"]);
        assert!(rows.pop().is_some() && rows.pop().is_some() && rows.pop().is_none());
    }
}
