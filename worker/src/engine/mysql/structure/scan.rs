//! A definition's tokens.
//!
//! Knows what the server writes into `SHOW CREATE TABLE` and no more: quoted names,
//! strings with doubled quotes and backslashes, words, marks, and comments that one
//! flavour executes (`/*!50100 … */`), whose inside is tokens like the rest.
//! What comes here was said by a server that may not be honest, and most of it is sent on to
//! another one: see [`is_one_part`].

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Kind {
    /// A name in backticks.
    Name,
    /// A string.
    Text,
    /// A bare word or number.
    Word,
    /// A single mark: `(`, `,`, `=`.
    Mark(u8),
    /// `/*!50100` or `*/`, or a whole comment that nobody executes.
    Comment,
}

/// A token and where it stands.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Token {
    pub(in super::super) kind: Kind,
    pub(in super::super) from: usize,
    pub(in super::super) to: usize,
}

impl Token {
    /// The token as it stands in the text.
    pub(in super::super) fn of(self, text: &str) -> &str {
        &text[self.from..self.to]
    }

    /// Whether it is this word, in any case.
    pub(in super::super) fn is_word(self, text: &str, word: &str) -> bool {
        self.kind == Kind::Word && self.of(text).eq_ignore_ascii_case(word)
    }

    /// A name without its quotes.
    pub(in super::super) fn name(self, text: &str) -> Option<String> {
        let inner = (self.kind == Kind::Name).then(|| &text[self.from + 1..self.to - 1])?;
        let quote = &text[self.from..=self.from];
        Some(inner.replace(&quote.repeat(2), quote))
    }
}

/// What quotes mean, which is a matter of the `sql_mode` that a text was written under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Quotes {
    /// Double quotes hold names.
    pub(super) ansi: bool,
    /// Backslashes escape in strings.
    pub(super) escapes: bool,
}

impl Quotes {
    /// Of the texts that a session of ours is given.
    const OURS: Self = Self { ansi: false, escapes: true };

    /// Under this `sql_mode`.
    pub(super) fn under(sql_mode: &str) -> Self {
        let has = |mode: &str| sql_mode.split(',').any(|one| one.trim().eq_ignore_ascii_case(mode));
        Self { ansi: has("ANSI_QUOTES"), escapes: !has("NO_BACKSLASH_ESCAPES") }
    }
}

/// All tokens of a text; `None` when a quote is not closed.
pub(in super::super) fn tokens(text: &str) -> Option<Vec<Token>> {
    let mut found = Vec::new();
    while let Some(token) = next(text, found.last().map_or(0, |last: &Token| last.to), Quotes::OURS)? {
        found.push(token);
    }
    Some(found)
}

/// The token that begins there or next behind, `Some(None)` at the end; `None` when its quote is not closed.
pub(super) fn next(text: &str, from: usize, quotes: Quotes) -> Option<Option<Token>> {
    let bytes = text.as_bytes();
    let blanks = bytes[from..].iter().take_while(|byte| byte.is_ascii_whitespace()).count();
    let from = from + blanks;
    let Some(&byte) = bytes.get(from) else { return Some(None) };
    let (kind, to) = match byte {
        b'`' => (Kind::Name, quoted(bytes, from, false)?),
        b'"' if quotes.ansi => (Kind::Name, quoted(bytes, from, false)?),
        b'\'' | b'"' => (Kind::Text, quoted(bytes, from, quotes.escapes)?),
        b'/' if bytes.get(from + 1) == Some(&b'*') => (Kind::Comment, comment(bytes, from)?),
        b'*' if bytes.get(from + 1) == Some(&b'/') => (Kind::Comment, from + 2),
        b if is_word(b) => (Kind::Word, from + bytes[from..].iter().take_while(|b| is_word(**b)).count()),
        b => (Kind::Mark(b), from + 1),
    };
    Some(Some(Token { kind, from, to }))
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$' | b'@' | b'.') || !byte.is_ascii()
}

/// Past the closing quote; a doubled one does not close, nor does an escaped one.
pub(super) fn quoted(bytes: &[u8], from: usize, escapes: bool) -> Option<usize> {
    let quote = bytes[from];
    let mut at = from + 1;
    loop {
        match *bytes.get(at)? {
            b'\\' if escapes => at += 2,
            b if b == quote && bytes.get(at + 1) == Some(&quote) => at += 2,
            b if b == quote => return Some(at + 1),
            _ => at += 1,
        }
    }
}

/// Past the head of an executed comment, or past the end of a mere one.
fn comment(bytes: &[u8], from: usize) -> Option<usize> {
    let rest = &bytes[from + 2..];
    let head = if rest.starts_with(b"M!") { 2 } else { usize::from(rest.starts_with(b"!")) };
    if head > 0 {
        return Some(from + 2 + head + rest[head..].iter().take_while(|b| b.is_ascii_digit()).count());
    }
    rest.windows(2).position(|w| w == b"*/").map(|end| from + 2 + end + 2)
}

/// Whether these tokens can be sent as a part of a statement: no server ends the statement in them,
/// or begins a comment or ends one where another reads on.
pub(super) fn is_one_part(text: &str, part: &[Token]) -> bool {
    let mut is_open = false;
    for (at, token) in part.iter().enumerate() {
        let word = token.of(text);
        let is_fine = match token.kind {
            Kind::Mark(b';' | b'#') => false,
            Kind::Mark(b'-') => !begins_comment(text, part, at),
            Kind::Mark(_) | Kind::Word => true,
            // Who passes over what is in a comment passes over its quotes as well.
            Kind::Name | Kind::Text => !(is_open && word.contains("*/")),
            Kind::Comment if word == "*/" => std::mem::replace(&mut is_open, false),
            Kind::Comment if word.starts_with("/*!") || word.starts_with("/*M!") => {
                !std::mem::replace(&mut is_open, true)
            }
            Kind::Comment => !is_open,
        };
        if !is_fine {
            return false;
        }
    }
    !is_open
}

/// Whether the rest of the line is a comment: two dashes and what is no sign.
fn begins_comment(text: &str, part: &[Token], at: usize) -> bool {
    let second = part.get(at + 1).filter(|next| next.kind == Kind::Mark(b'-') && next.from == part[at].to);
    let after = second.map(|second| text.as_bytes().get(second.to));
    after.is_some_and(|byte| byte.is_none_or(|byte| byte.is_ascii_whitespace() || byte.is_ascii_control()))
}
