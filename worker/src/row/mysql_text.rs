//! MySQL's bulk-load text: fields end with a tab, rows with a line feed, backslash
//! escapes these three, NULL is `\N`.
//!
//! Invariants: decoding an encoded row gives the row back, whatever the bytes; a batch
//! holds whole rows. Deliberately not here: the other escapes of `LOAD DATA` (`\0`, `\r`,
//! `\Z`): nobody writes them, so they are an error.

use bytes::{Bytes, BytesMut};
use memchr::{memchr3, memchr3_iter};

/// The options of `LOAD DATA` that go with this text.
pub const LOAD_OPTIONS: &str = "CHARACTER SET binary FIELDS TERMINATED BY '\\t' ENCLOSED BY '' ESCAPED BY '\\\\' \
    LINES STARTING BY '' TERMINATED BY '\\n'";

const FIELD_END: u8 = b'\t';
const ROW_END: u8 = b'\n';
const ESCAPE: u8 = b'\\';
const NULL: &[u8] = b"\\N";

/// Why a text is not one that this module made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// The text ends inside a row.
    #[error("the text ends inside a row")]
    Unfinished,
    /// A packet that is not a row of so many values.
    #[error("a packet that is not a row of as many values as columns were asked for")]
    Packet,
    /// A backslash before a character that is never escaped.
    #[error("an escape that is not known")]
    Escape,
}

/// Appends a row as the server's text protocol has it: each value behind its length.
pub fn push_packet(out: &mut BytesMut, mut packet: &[u8], columns: usize) -> Result<(), TextError> {
    for column in 0..columns {
        if column > 0 {
            out.extend_from_slice(&[FIELD_END]);
        }
        match take_value(&mut packet).ok_or(TextError::Packet)? {
            None => out.extend_from_slice(NULL),
            Some(value) => push_escaped(out, value),
        }
    }
    out.extend_from_slice(&[ROW_END]);
    if packet.is_empty() { Ok(()) } else { Err(TextError::Packet) }
}

/// How long the text of such a row is at most.
pub fn largest_text(packet: &[u8], columns: usize) -> usize {
    let escapes = memchr3_iter(FIELD_END, ROW_END, ESCAPE, packet).count();
    // A NULL is a letter more than its packet has, and each field has an end.
    packet.len() + escapes + 2 * columns
}

/// Takes the first value of what is left of such a row, `Some(None)` for NULL; `None`: there is none
/// that is whole.
pub fn take_value<'a>(packet: &mut &'a [u8]) -> Option<Option<&'a [u8]>> {
    let Some(length) = length(packet)? else { return Some(None) };
    let (value, rest) = packet.split_at_checked(length)?;
    *packet = rest;
    Some(Some(value))
}

/// A value's length, `Some(None)` for NULL; `None`: there is none that is one.
fn length(packet: &mut &[u8]) -> Option<Option<usize>> {
    let (&first, rest) = packet.split_first()?;
    let bytes = match first {
        0..=0xfa => {
            *packet = rest;
            return Some(Some(first.into()));
        }
        0xfb => {
            *packet = rest;
            return Some(None);
        }
        0xfc => 2,
        0xfd => 3,
        0xfe => 8,
        0xff => return None,
    };
    let (number, rest) = rest.split_at_checked(bytes)?;
    *packet = rest;
    let mut whole = [0; 8];
    whole[..bytes].copy_from_slice(number);
    usize::try_from(u64::from_le_bytes(whole)).ok().map(Some)
}

fn push_escaped(out: &mut BytesMut, mut bytes: &[u8]) {
    while let Some(at) = memchr3(FIELD_END, ROW_END, ESCAPE, bytes) {
        out.extend_from_slice(&bytes[..at]);
        let letter = match bytes[at] {
            FIELD_END => b't',
            ROW_END => b'n',
            other => other,
        };
        out.extend_from_slice(&[ESCAPE, letter]);
        bytes = &bytes[at + 1..];
    }
    out.extend_from_slice(bytes);
}

/// The rows of a batch, one after the other; after an error there are no more.
#[derive(Debug)]
pub struct Rows {
    rest: Bytes,
}

impl Rows {
    /// Reads the rows of `batch`.
    pub fn new(batch: Bytes) -> Self {
        Self { rest: batch }
    }

    fn row(&mut self) -> Result<Vec<Option<Bytes>>, TextError> {
        let mut values = Vec::new();
        loop {
            let (value, end) = self.field()?;
            values.push(value);
            if end == ROW_END {
                return Ok(values);
            }
        }
    }

    /// The next field and the byte that ends it.
    fn field(&mut self) -> Result<(Option<Bytes>, u8), TextError> {
        let mut plain: Option<Vec<u8>> = None;
        let mut from = 0;
        loop {
            let at = from
                + memchr3(FIELD_END, ROW_END, ESCAPE, &self.rest[from..]).ok_or(TextError::Unfinished)?;
            if self.rest[at] != ESCAPE {
                let end = self.rest[at];
                let raw = self.rest.split_to(at + 1);
                return Ok((Some(finish(plain, &raw, from, at)), end));
            }
            let letter = *self.rest.get(at + 1).ok_or(TextError::Unfinished)?;
            if letter == b'N' && at == 0 {
                return self.null();
            }
            let plain = plain.get_or_insert_default();
            plain.extend_from_slice(&self.rest[from..at]);
            plain.push(meaning(letter)?);
            from = at + 2;
        }
    }

    fn null(&mut self) -> Result<(Option<Bytes>, u8), TextError> {
        let end = *self.rest.get(NULL.len()).ok_or(TextError::Unfinished)?;
        if end != FIELD_END && end != ROW_END {
            return Err(TextError::Escape);
        }
        self.rest = self.rest.slice(NULL.len() + 1..);
        Ok((None, end))
    }
}

fn finish(plain: Option<Vec<u8>>, raw: &Bytes, from: usize, at: usize) -> Bytes {
    match plain {
        None => raw.slice(..at),
        Some(mut plain) => {
            plain.extend_from_slice(&raw[from..at]);
            plain.into()
        }
    }
}

fn meaning(letter: u8) -> Result<u8, TextError> {
    match letter {
        b't' => Ok(FIELD_END),
        b'n' => Ok(ROW_END),
        ESCAPE => Ok(ESCAPE),
        _ => Err(TextError::Escape),
    }
}

impl Iterator for Rows {
    type Item = Result<Vec<Option<Bytes>>, TextError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let row = self.row();
        if row.is_err() {
            self.rest.clear();
        }
        Some(row)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use proptest::prelude::*;

    use super::*;

    /// Appends a row of values.
    fn push_row<'a>(out: &mut BytesMut, values: impl IntoIterator<Item = Option<&'a [u8]>>) {
        let mut first = true;
        for value in values {
            if !first {
                out.extend_from_slice(&[FIELD_END]);
            }
            first = false;
            match value {
                Some(bytes) => push_escaped(out, bytes),
                None => out.extend_from_slice(NULL),
            }
        }
        out.extend_from_slice(&[ROW_END]);
    }

    fn encoded(rows: &[Vec<Option<Vec<u8>>>]) -> Bytes {
        let mut out = BytesMut::new();
        for row in rows {
            push_row(&mut out, row.iter().map(Option::as_deref));
        }
        out.freeze()
    }

    proptest! {
        #[test]
        fn no_text_of_a_row_is_longer_than_foreseen(row in proptest::collection::vec(
            proptest::option::of(proptest::collection::vec(prop_oneof![Just(b'\\'), any::<u8>()], 0..40)), 1..9
        )) {
            let mut packet = Vec::new();
            for value in &row {
                match value {
                    Some(value) => {
                        packet.push(u8::try_from(value.len()).unwrap());
                        packet.extend_from_slice(value);
                    }
                    None => packet.push(0xfb),
                }
            }
            let mut out = BytesMut::new();
            push_packet(&mut out, &packet, row.len()).unwrap();
            prop_assert!(out.len() <= largest_text(&packet, row.len()));
        }
    }

    #[test]
    fn one_row() {
        for (values, text) in [
            (vec![Some(&b"a"[..]), None, Some(b"")], &b"a\t\\N\t\n"[..]),
            (vec![Some(b"\\N"), Some(b"N")], b"\\\\N\tN\n"),
            (vec![Some(b"a\tb\nc\\d\0\r\x1a\xff")], b"a\\tb\\nc\\\\d\0\r\x1a\xff\n"),
            (vec![Some(b"")], b"\n"),
            (vec![None], b"\\N\n"),
        ] {
            let mut out = BytesMut::new();
            push_row(&mut out, values.iter().copied());
            assert_eq!(out, text);
            let row = Rows::new(out.freeze()).next().unwrap().unwrap();
            assert_eq!(row.iter().map(Option::as_deref).collect::<Vec<_>>(), values);
        }
    }

    #[test]
    fn foreign_text() {
        for (text, expected) in [
            (&b"a"[..], TextError::Unfinished),
            (b"a\tb", TextError::Unfinished),
            (b"\\", TextError::Unfinished),
            (b"\\N", TextError::Unfinished),
            (b"\\Nx\n", TextError::Escape),
            (b"x\\N\n", TextError::Escape),
            (b"\\0\n", TextError::Escape),
        ] {
            let mut rows = Rows::new(Bytes::from_static(text));
            assert_eq!(rows.next(), Some(Err(expected)), "{text:?}");
            assert_eq!(rows.next(), None);
        }
    }

    /// Bytes of which many need an escape.
    fn value() -> impl Strategy<Value = Option<Vec<u8>>> {
        let byte = prop_oneof![
            any::<u8>(),
            prop::sample::select(vec![b'\t', b'\n', b'\\', b'N', b't', b'n', 0, b'\r'])
        ];
        prop::option::weighted(0.8, prop::collection::vec(byte, 0..40))
    }

    /// A packet as a server writes it.
    fn packet(row: &[Option<Vec<u8>>]) -> Vec<u8> {
        let mut out = Vec::new();
        for value in row {
            match value {
                None => out.push(0xfb),
                Some(value) => {
                    let length = u64::try_from(value.len()).unwrap().to_le_bytes();
                    match value.len() {
                        0..=0xfa => out.push(length[0]),
                        0xfb..=0xffff => out.extend([&[0xfc], &length[..2]].concat()),
                        0x1_0000..=0xff_ffff => out.extend([&[0xfd], &length[..3]].concat()),
                        _ => out.extend([&[0xfe], &length[..]].concat()),
                    }
                    out.extend(value);
                }
            }
        }
        out
    }

    #[test]
    fn packets_of_every_length() {
        for length in [0, 1, 250, 251, 252, 0xffff, 0x1_0000, 0xff_ffff, 0x100_0000] {
            let row = vec![Some(vec![b'x'; length]), None, Some(b"y".to_vec())];
            let mut out = BytesMut::new();
            push_packet(&mut out, &packet(&row), 3).unwrap();
            assert!(out == encoded(&[row]), "{length}");
        }
    }

    #[test]
    fn packets_that_are_no_row() {
        for (text, columns) in [
            (&b""[..], 1),
            (b"\x01", 1),
            (b"\x01a", 2),
            (b"\x01ab", 1),
            (b"\xff", 1),
            (b"\xfc\x01", 1),
            (b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff", 1),
        ] {
            assert_eq!(push_packet(&mut BytesMut::new(), text, columns), Err(TextError::Packet), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn a_packet_gives_the_text_of_its_row(row in prop::collection::vec(value(), 1..6)) {
            let mut out = BytesMut::new();
            push_packet(&mut out, &packet(&row), row.len()).unwrap();
            prop_assert_eq!(out.freeze(), encoded(&[row]));
        }

        #[test]
        fn decoding_an_encoded_row_gives_the_row(
            rows in prop::collection::vec(prop::collection::vec(value(), 1..6), 0..8)
        ) {
            let decoded = Rows::new(encoded(&rows)).collect::<Result<Vec<_>, _>>().unwrap();
            let decoded: Vec<Vec<Option<Vec<u8>>>> =
                decoded.into_iter().map(|r| r.into_iter().map(|v| v.map(Vec::from)).collect()).collect();
            prop_assert_eq!(decoded, rows);
        }

        #[test]
        fn any_text_is_read_or_refused(text in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut rows = 0_usize;
            for row in Rows::new(text.clone().into()) {
                rows += usize::from(row.is_ok());
            }
            prop_assert!(rows <= text.len());
        }
    }
}
