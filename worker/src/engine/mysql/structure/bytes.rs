//! A definition as text, even where the server puts a binary default's raw bytes into it.
//!
//! MariaDB and MySQL 5.7 do so (MySQL 8 writes `0xFF80`); such a string is written as
//! `x'FF80'`, which all of them read alike.

/// The definition; `None` when bytes outside of strings are no text.
pub(in super::super) fn readable(definition: Vec<u8>) -> Option<String> {
    let raw = match String::from_utf8(definition) {
        Ok(text) => return Some(text),
        Err(error) => error.into_bytes(),
    };
    let mut text = Vec::with_capacity(raw.len() + 64);
    let mut at = 0;
    while let Some(&byte) = raw.get(at) {
        if !matches!(byte, b'\'' | b'"' | b'`') {
            text.push(byte);
            at += 1;
            continue;
        }
        let end = super::scan::quoted(&raw, at, byte != b'`')?;
        let whole = &raw[at..end];
        if byte == b'`' || std::str::from_utf8(whole).is_ok() {
            text.extend_from_slice(whole);
        } else {
            let hex = content(&whole[1..whole.len() - 1], byte)
                .iter()
                .map(|b| format!("{b:02X}"))
                .collect::<String>();
            text.extend_from_slice(format!("x'{hex}'").as_bytes());
        }
        at = end;
    }
    String::from_utf8(text).ok()
}

/// What a string between its quotes means.
fn content(quoted: &[u8], quote: u8) -> Vec<u8> {
    let mut meant = Vec::with_capacity(quoted.len());
    let mut bytes = quoted.iter().copied();
    while let Some(byte) = bytes.next() {
        if byte != b'\\' {
            meant.push(byte);
            if byte == quote {
                bytes.next();
            }
            continue;
        }
        meant.extend(bytes.next().map(|escaped| match escaped {
            b'0' => 0,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'b' => 8,
            b'Z' => 26,
            other => other,
        }));
    }
    meant
}

#[cfg(test)]
mod tests {
    use super::readable;

    #[test]
    fn binary_defaults() {
        for (raw, expected) in [
            (&b"`a` binary(2) DEFAULT 'x',"[..], Some("`a` binary(2) DEFAULT 'x',")),
            (
                b"`a'` x DEFAULT '\xff''\\0\\'\\\\' COMMENT 'o''k'",
                Some("`a'` x DEFAULT x'FF2700275C' COMMENT 'o''k'"),
            ),
            (b"`\xff` x DEFAULT 'a'", None),
            (b"DEFAULT '\xff", None),
        ] {
            assert_eq!(readable(raw.to_vec()).as_deref(), expected);
        }
    }
}
