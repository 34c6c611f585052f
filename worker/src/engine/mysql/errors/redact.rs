//! The server's own words without the values that it quotes.
//!
//! A value can hold anything, quotes and key words included: everything from the first
//! quote on is cut, but for a tail that has the exact form in which the server names a
//! key or a column after a value. A session asks for English; until it has, or where it may not, the
//! marks of other languages count as well.

/// What opens a quotation, in the languages that servers speak.
const MARKS: [char; 9] = ['\'', '"', '«', '»', '„', '“', '”', '‘', '「'];

/// Cuts every quoted value out of a message.
pub(super) fn redact(message: &str) -> String {
    let Some(from) = message.find(MARKS) else {
        return message.to_owned();
    };
    format!("{}…{}", &message[..from], named_tail(&message[from..]).unwrap_or_default())
}

/// `' for key 'name'` or `' for column 'name' at row 3`, from the value's end on.
fn named_tail(quoted: &str) -> Option<&str> {
    [(" for key ", is_key as fn(&str) -> bool), (" for column ", is_column)].into_iter().find_map(
        |(marker, fits)| {
            let at = quoted.rfind(marker)?;
            let closes_value = at > 0 && quoted[..at].ends_with(['\'', '"']);
            (closes_value && fits(&quoted[at + marker.len()..])).then_some(&quoted[at..])
        },
    )
}

fn is_key(rest: &str) -> bool {
    is_quoted(rest)
}

fn is_column(rest: &str) -> bool {
    rest.rsplit_once(" at row ")
        .is_some_and(|(name, row)| is_quoted(name) && row.bytes().all(|b| b.is_ascii_digit()))
}

fn is_quoted(name: &str) -> bool {
    name.len() > 2
        && [b'\'', b'`']
            .iter()
            .any(|&mark| name.as_bytes().first() == Some(&mark) && name.as_bytes().last() == Some(&mark))
}
