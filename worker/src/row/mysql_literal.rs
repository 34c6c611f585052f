//! Values in MySQL statements.
//!
//! Invariants: a number is written as digits only after its text was found to be one, and
//! everything else is quoted so that no byte ends the literal (statements are `utf8mb4`
//! with backslash escapes: continuation bytes are 0x80 and up, so neither a quote nor a
//! backslash is ever part of a character).

use memchr::memchr2;

/// What a number may look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Number {
    /// Digits.
    Unsigned,
    /// Digits with or without a sign.
    Integer,
    /// Also with a point.
    Decimal,
    /// Also with an exponent.
    Double,
}

/// Appends the number, or answers false when the text is none of this sort.
pub fn push_number(out: &mut Vec<u8>, text: &[u8], sort: Number) -> bool {
    if !is_number(text, sort) {
        return false;
    }
    out.extend_from_slice(text);
    // Without an exponent it would be read as a decimal, and -0 lose its sign.
    if sort == Number::Double && !text.contains(&b'e') {
        out.extend_from_slice(b"e0");
    }
    true
}

fn is_number(text: &[u8], sort: Number) -> bool {
    let unsigned = match text {
        [b'-', rest @ ..] if sort != Number::Unsigned => rest,
        other => other,
    };
    let (mantissa, exponent) = match unsigned.iter().position(|&b| b == b'e') {
        Some(at) if sort == Number::Double => (&unsigned[..at], Some(&unsigned[at + 1..])),
        _ => (unsigned, None),
    };
    let (whole, part) = match mantissa.iter().position(|&b| b == b'.') {
        Some(at) if matches!(sort, Number::Decimal | Number::Double) => {
            (&mantissa[..at], Some(&mantissa[at + 1..]))
        }
        _ => (mantissa, None),
    };
    let exponent = exponent.map(|digits| digits.strip_prefix(b"-").unwrap_or(digits));
    is_digits(whole) && part.is_none_or(is_digits) && exponent.is_none_or(is_digits)
}

fn is_digits(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(u8::is_ascii_digit)
}

/// Appends bytes as a string literal of a character set (`binary`: just bytes), or answers
/// false when that is no character set's name.
pub fn push_string(out: &mut Vec<u8>, charset: &str, mut bytes: &[u8]) -> bool {
    if !push_charset(out, charset) {
        return false;
    }
    out.push(b'\'');
    while let Some(at) = memchr2(b'\'', b'\\', bytes) {
        out.extend_from_slice(&bytes[..at]);
        out.extend_from_slice(&[b'\\', bytes[at]]);
        bytes = &bytes[at + 1..];
    }
    out.extend_from_slice(bytes);
    out.push(b'\'');
    true
}

/// The same in hexadecimal digits: for bytes that are no characters of `utf8mb4`, in which
/// statements are read, but are not merely bytes.
pub fn push_hex(out: &mut Vec<u8>, charset: &str, bytes: &[u8]) -> bool {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    if !push_charset(out, charset) {
        return false;
    }
    out.reserve(2 * bytes.len() + 4);
    out.extend_from_slice(b" x'");
    for &byte in bytes {
        out.extend_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
    }
    out.push(b'\'');
    true
}

fn push_charset(out: &mut Vec<u8>, charset: &str) -> bool {
    if charset.is_empty() || !charset.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
        return false;
    }
    out.push(b'_');
    out.extend_from_slice(charset.as_bytes());
    true
}

/// Appends a quoted text made of letters, digits, spaces and `-:.`, or answers false.
pub fn push_plain(out: &mut Vec<u8>, text: &[u8]) -> bool {
    if !text.iter().all(|b| b.is_ascii_alphanumeric() || b" -:.".contains(b)) {
        return false;
    }
    out.push(b'\'');
    out.extend_from_slice(text);
    out.push(b'\'');
    true
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers() {
        use Number::{Decimal, Double, Integer, Unsigned};
        for (text, sort, expected) in [
            ("18446744073709551615", Unsigned, Some("18446744073709551615")),
            ("-1", Unsigned, None),
            ("-9223372036854775808", Integer, Some("-9223372036854775808")),
            ("00005", Integer, Some("00005")),
            ("1.5", Integer, None),
            ("1e5", Integer, None),
            ("-0.000", Decimal, Some("-0.000")),
            ("1e5", Decimal, None),
            (".5", Decimal, None),
            ("5.", Decimal, None),
            ("1.5", Double, Some("1.5e0")),
            ("-0", Double, Some("-0e0")),
            ("5e-324", Double, Some("5e-324")),
            ("1.7976931348623157e308", Double, Some("1.7976931348623157e308")),
            ("", Double, None),
            ("-", Double, None),
            ("e5", Double, None),
            ("1e", Double, None),
            ("nan", Double, None),
            ("1 OR 1=1", Integer, None),
            ("--1", Integer, None),
        ] {
            let mut out = Vec::new();
            let fits = push_number(&mut out, text.as_bytes(), sort);
            assert_eq!(
                fits.then(|| String::from_utf8_lossy(&out).into_owned()).as_deref(),
                expected,
                "{text}"
            );
        }
    }

    #[test]
    fn quoted() {
        for (charset, bytes, expected) in [
            ("binary", &b"it's \\ \xff"[..], Some(&b"_binary'it\\'s \\\\ \xff'"[..])),
            ("utf8mb4", b"", Some(b"_utf8mb4''")),
            ("x'", b"a", None),
            ("", b"a", None),
        ] {
            let mut out = Vec::new();
            assert_eq!(push_string(&mut out, charset, bytes).then_some(&out[..]), expected);
        }
        let mut out = Vec::new();
        assert!(push_hex(&mut out, "gbk", b"\x00\xff'"));
        assert_eq!(out, b"_gbk x'00FF27'");
        for (text, expected) in [
            (&b"2020-00-00 00:00:00.5"[..], Some(&b"'2020-00-00 00:00:00.5'"[..])),
            (b"::1", Some(b"'::1'")),
            (b"'", None),
            (b"\\", None),
            (b"\xff", None),
        ] {
            let mut out = Vec::new();
            assert_eq!(push_plain(&mut out, text).then_some(&out[..]), expected);
        }
    }

    /// Reads a literal as the server's scanner does.
    fn unquoted(literal: &[u8]) -> Option<Vec<u8>> {
        let mut bytes = literal.strip_prefix(b"_binary'")?.iter();
        let mut value = Vec::new();
        loop {
            match bytes.next()? {
                b'\'' => return bytes.next().is_none().then_some(value),
                b'\\' => value.push(*bytes.next()?),
                &other => value.push(other),
            }
        }
    }

    proptest! {
        #[test]
        fn a_string_literal_is_one_literal(value in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut out = Vec::new();
            prop_assert!(push_string(&mut out, "binary", &value));
            prop_assert_eq!(unquoted(&out), Some(value));
        }

        #[test]
        fn a_number_holds_nothing_but_a_number(text in prop::collection::vec(any::<u8>(), 0..20)) {
            let mut out = Vec::new();
            if push_number(&mut out, &text, Number::Double) {
                prop_assert!(out.iter().all(|b| b.is_ascii_digit() || b"-.e".contains(b)));
            }
        }
    }
}
