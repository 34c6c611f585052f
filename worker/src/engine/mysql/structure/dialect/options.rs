//! Options of one flavour, and names in a partitioning that one flavour reserves.

use super::super::super::super::shape::Column;
use super::super::super::quote::ident;
use super::super::scan::{Kind, Token, tokens};
use super::Dialect;

/// Of MariaDB and of MySQL, and without an effect on rows.
const OF_MARIADB: [&str; 2] = ["PAGE_CHECKSUM", "TRANSACTIONAL"];
const OF_MYSQL: [&str; 4] = ["COMPRESSION", "SECONDARY_ENGINE", "AUTOEXTEND_SIZE", "ENGINE_ATTRIBUTE"];

impl Dialect {
    /// Whether a value of ENCRYPTION means that the table is.
    #[expect(clippy::unused_self, reason = "reads as a question to the dialect")]
    pub(super) fn encrypts(self, value: &str) -> bool {
        let value = value.trim_matches(['\'', '"']);
        ["Y", "YES", "ON", "1"].iter().any(|yes| value.eq_ignore_ascii_case(yes))
    }

    /// A column's or a key's item without the options (`` `x`=1 ``) that only MariaDB has.
    pub(super) fn options_off(self, text: &str) -> String {
        self.rewritten(text, |name, _, quoted| (quoted && !name.is_empty()).then(String::new))
    }

    /// A table's options in the server's words.
    pub(super) fn own_options(self, text: &str) -> String {
        self.rewritten(text, |name, value, quoted| {
            let is = |words: &[&str]| words.iter().any(|word| name.eq_ignore_ascii_case(word));
            match self.mariadb {
                true if quoted => None,
                true if is(&["ENCRYPTION"]) && self.encrypts(value) => Some("`ENCRYPTED`=YES".to_owned()),
                true if is(&["ENCRYPTION"]) || is(&OF_MYSQL) => Some(String::new()),
                false if is(&["ENCRYPTED"]) && self.encrypts(value) => Some("ENCRYPTION='Y'".to_owned()),
                false if is(&OF_MARIADB) || quoted => Some(String::new()),
                _ => None,
            }
        })
    }

    /// Asks of each `name=value` outside of parentheses what stands in its place.
    #[expect(clippy::unused_self, reason = "one family of questions")]
    fn rewritten(self, text: &str, instead: impl Fn(&str, &str, bool) -> Option<String>) -> String {
        let Some(all) = tokens(text) else { return text.to_owned() };
        let mut out = String::with_capacity(text.len());
        let (mut from, mut depth) = (0, 0_i32);
        for (at, token) in all.iter().enumerate() {
            match token.kind {
                Kind::Mark(b'(') => depth += 1,
                Kind::Mark(b')') => depth -= 1,
                _ => {}
            }
            let [Some(equals), Some(value)] = [all.get(at + 1), all.get(at + 2)] else { break };
            let is_option = depth == 0
                && equals.kind == Kind::Mark(b'=')
                && matches!(token.kind, Kind::Word | Kind::Name);
            if !is_option || token.from < from {
                continue;
            }
            let name = token.name(text);
            let bare = name.as_deref().unwrap_or_else(|| token.of(text));
            if let Some(words) = instead(bare, value.of(text), name.is_some()) {
                out.push_str(&text[from..token.from]);
                out.push_str(&words);
                from = value.to;
            }
        }
        out.push_str(&text[from..]);
        out
    }
}

/// The partitioning with the names of partitions, and of columns in its expressions, in quotes:
/// MySQL 5.7 writes them bare, and `rank` is a reserved word to its successors.
pub(super) fn partitions_quoted(text: &str, columns: &[Column]) -> String {
    let Some(all) = tokens(text) else { return text.to_owned() };
    let word = |at: usize, word: &str| all.get(at).is_some_and(|t: &Token| t.is_word(text, word));
    let Some(start) = (0..all.len()).find(|&at| word(at, "PARTITION") && word(at + 1, "BY")) else {
        return text.to_owned();
    };
    let mut out = text[..all[start].from].to_owned();
    let (mut from, mut depth, mut listed) = (all[start].from, 0_i32, false);
    for at in start..all.len() {
        let token = all[at];
        match token.kind {
            Kind::Mark(b'(') => depth += 1,
            Kind::Mark(b')') => depth -= 1,
            _ => {}
        }
        let after = at > start && (word(at - 1, "PARTITION") || word(at - 1, "SUBPARTITION"));
        let names_part = after && !word(at, "BY") && token.kind == Kind::Word;
        listed |= names_part || after && token.kind == Kind::Name;
        let called = all.get(at + 1).is_some_and(|next| next.kind == Kind::Mark(b'('));
        let names_column = depth > 0
            && !listed
            && !called
            && token.kind == Kind::Word
            && !word(at, "PARTITION")
            && columns.iter().any(|column| column.name.eq_ignore_ascii_case(token.of(text)));
        if names_part || names_column {
            out.push_str(&text[from..token.from]);
            out.push_str(&ident(token.of(text)));
            from = token.to;
        }
    }
    out.push_str(&text[from..]);
    out
}
