//! The beginning of a definition: what it makes, who runs it, what it is called.
//!
//! Read token by token and no further than the name (a trigger's: its table), under the `sql_mode` that the text
//! was written under: what a body looks like is nobody's business here. Words that no server writes there
//! are not understood, so that a text that came from elsewhere makes what it is said to make, in the session's
//! own schema, or nothing.

use longshore_shared::domain::object::{DatabaseObject, ObjectKind};

use super::super::super::super::objects::Definers;
use super::super::super::quote::ident;
use super::super::scan::{Kind, Quotes, Token, next};

/// What stands before the word for the kind, besides the definer.
const BEFORE: [&str; 10] = [
    "OR",
    "REPLACE",
    "ALGORITHM",
    "UNDEFINED",
    "MERGE",
    "TEMPTABLE",
    "SQL",
    "SECURITY",
    "INVOKER",
    "AGGREGATE",
];

/// Where things stand in a definition.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// From `DEFINER` on, past the account.
    definer: Option<(usize, usize)>,
    name: Path,
    /// A trigger's table.
    table: Option<Path>,
}

/// A name, perhaps with its schema's before it.
#[derive(Debug, PartialEq, Eq)]
struct Path {
    from: usize,
    /// Where its last part begins.
    last: usize,
    parts: Vec<String>,
}

/// Tokens one by one, without comments.
struct Tokens<'a> {
    text: &'a str,
    quotes: Quotes,
    at: usize,
}

impl Tokens<'_> {
    fn peek(&self) -> Option<Token> {
        let mut at = self.at;
        loop {
            let token = next(self.text, at, self.quotes)??;
            let rest = &self.text[token.from..];
            let is_line = rest.starts_with('#')
                || rest.strip_prefix("--").is_some_and(|rest| rest.starts_with(char::is_whitespace));
            match token.kind {
                _ if is_line => at = token.from + rest.find('\n')?,
                Kind::Comment if rest.starts_with("/*!") || rest.starts_with("/*M!") => return None,
                Kind::Comment => at = token.to,
                _ => return Some(token),
            }
        }
    }

    fn take(&mut self) -> Option<Token> {
        let token = self.peek()?;
        self.at = token.to;
        Some(token)
    }

    fn take_word(&mut self, word: &str) -> bool {
        let is_it = self.peek().is_some_and(|token| token.is_word(self.text, word));
        if is_it {
            self.take();
        }
        is_it
    }

    fn take_mark(&mut self, mark: u8) -> bool {
        let is_it = self.peek().is_some_and(|token| token.kind == Kind::Mark(mark));
        if is_it {
            self.take();
        }
        is_it
    }

    /// Past `user@host`, or a role's name; where that ends.
    fn account(&mut self) -> Option<usize> {
        let is_part = |token: &Token| matches!(token.kind, Kind::Name | Kind::Text | Kind::Word);
        let mut end = self.take().filter(is_part)?.to;
        if let Some(at) = self.peek().filter(|token| token.of(self.text).starts_with('@')) {
            end = self.take()?.to;
            if at.of(self.text) == "@" {
                end = self.take().filter(is_part)?.to;
            }
        }
        Some(end)
    }

    fn path(&mut self) -> Option<Path> {
        let first = self.peek()?;
        let (mut parts, mut last, mut is_open) = (Vec::new(), first.from, true);
        while let Some(token) = self.peek() {
            let word = token.of(self.text);
            match token.kind {
                Kind::Name if is_open => {
                    parts.push(token.name(self.text)?);
                    last = token.from;
                    is_open = false;
                }
                Kind::Word if is_open != word.starts_with('.') => {
                    for part in word.trim_start_matches('.').split('.') {
                        is_open = part.is_empty();
                        last = token.to - part.len();
                        parts.extend((!is_open).then(|| part.to_owned()));
                    }
                }
                _ => break,
            }
            self.take();
        }
        (!is_open).then_some(Path { from: first.from, last, parts })
    }
}

/// The beginning of a definition of this kind; `None`: it is not understood.
pub(super) fn read(kind: ObjectKind, definition: &str, sql_mode: &str) -> Option<Header> {
    let mut tokens = Tokens { text: definition, quotes: Quotes::under(sql_mode), at: 0 };
    let mut definer = None;
    if !tokens.take_word("CREATE") {
        return None;
    }
    let (word, more) = words(kind);
    while !tokens.take_word(word) {
        let token = tokens.take()?;
        if token.is_word(definition, "DEFINER") {
            // `SQL SECURITY DEFINER` names nobody.
            if tokens.take_mark(b'=') {
                definer = Some((token.from, tokens.account()?));
            }
        } else if token.kind != Kind::Mark(b'=') && !BEFORE.iter().any(|word| token.is_word(definition, word))
        {
            return None;
        }
    }
    if more.is_some_and(|more| !tokens.take_word(more)) {
        return None;
    }
    if tokens.take_word("IF") && !(tokens.take_word("NOT") && tokens.take_word("EXISTS")) {
        return None;
    }
    let name = tokens.path()?;
    let mut table = None;
    if kind == ObjectKind::Trigger {
        while !tokens.take_word("ON") {
            tokens.take().filter(|token| token.kind == Kind::Word)?;
        }
        table = Some(tokens.path()?);
    }
    Some(Header { definer, name, table })
}

/// How a kind is called in statements.
pub(in super::super::super) const fn words(kind: ObjectKind) -> (&'static str, Option<&'static str>) {
    match kind {
        ObjectKind::Sequence => ("SEQUENCE", None),
        ObjectKind::Function => ("FUNCTION", None),
        ObjectKind::Procedure => ("PROCEDURE", None),
        ObjectKind::Package => ("PACKAGE", None),
        ObjectKind::PackageBody => ("PACKAGE", Some("BODY")),
        ObjectKind::View => ("VIEW", None),
        ObjectKind::Trigger => ("TRIGGER", None),
        ObjectKind::Event => ("EVENT", None),
    }
}

impl Header {
    /// The definition without its schema's name in its beginning.
    pub(super) fn relative(&self, definition: &str) -> String {
        let mut text = definition.to_owned();
        for path in self.table.iter().chain([&self.name]) {
            text.replace_range(path.from..path.last, "");
        }
        text
    }

    /// Whether it makes the object in the session's own schema.
    pub(super) fn makes(&self, object: &DatabaseObject) -> bool {
        let is = |path: &Path, name: &str| {
            path.parts.len() == 1 && path.parts[0].to_lowercase() == name.to_lowercase()
        };
        let on = match (&self.table, &object.table) {
            (Some(path), Some(table)) => is(path, table),
            (None, None) => true,
            _ => false,
        };
        is(&self.name, &object.name) && on
    }

    /// The definition as it is to be run.
    pub(super) fn defined_by(&self, definition: &str, definers: &Definers) -> String {
        let mut text = definition.to_owned();
        let Some((from, to)) = self.definer else { return text };
        match definers {
            Definers::Keep => {}
            Definers::Drop => {
                let rest = &definition[to..];
                let blanks = rest.len() - rest.trim_start().len();
                text.replace_range(from..to + blanks, "");
            }
            // A host's name holds no `@`, a user's may.
            Definers::As(account) => {
                let account = match account.rsplit_once('@') {
                    Some((user, host)) => format!("{}@{}", ident(user), ident(host)),
                    None => ident(account),
                };
                text.replace_range(from..to, &format!("DEFINER={account}"));
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn defined(kind: ObjectKind, definition: &str, sql_mode: &str, definers: &Definers) -> Option<String> {
        Some(read(kind, definition, sql_mode)?.defined_by(definition, definers))
    }

    #[test]
    fn d33_definers_are_kept_dropped_and_changed() {
        let view = "CREATE ALGORITHM=MERGE DEFINER=`a@b`@`%` SQL SECURITY DEFINER VIEW `DEFINER=``x` AS select 'DEFINER=`y`@`z`'";
        let check = |kind, text: &str, mode: &str, expected: [&str; 2]| {
            assert_eq!(defined(kind, text, mode, &Definers::Keep).unwrap(), text);
            assert_eq!(defined(kind, text, mode, &Definers::Drop).unwrap(), expected[0]);
            let other = Definers::As("o`x@y@10.%".to_owned());
            assert_eq!(defined(kind, text, mode, &other).unwrap(), expected[1]);
        };
        check(
            ObjectKind::View,
            view,
            "",
            [
                "CREATE ALGORITHM=MERGE SQL SECURITY DEFINER VIEW `DEFINER=``x` AS select 'DEFINER=`y`@`z`'",
                "CREATE ALGORITHM=MERGE DEFINER=`o``x@y`@`10.%` SQL SECURITY DEFINER VIEW `DEFINER=``x` AS select 'DEFINER=`y`@`z`'",
            ],
        );
        check(
            ObjectKind::Procedure,
            "CREATE DEFINER=\"we\\\"@\"h\" PROCEDURE \"p\"\"q\"()\nSELECT 'x\\",
            "ANSI_QUOTES,NO_BACKSLASH_ESCAPES",
            [
                "CREATE PROCEDURE \"p\"\"q\"()\nSELECT 'x\\",
                "CREATE DEFINER=`o``x@y`@`10.%` PROCEDURE \"p\"\"q\"()\nSELECT 'x\\",
            ],
        );
        check(
            ObjectKind::Function,
            "CREATE DEFINER=`role` AGGREGATE FUNCTION `f`() RETURN 1",
            "",
            [
                "CREATE AGGREGATE FUNCTION `f`() RETURN 1",
                "CREATE DEFINER=`o``x@y`@`10.%` AGGREGATE FUNCTION `f`() RETURN 1",
            ],
        );
        let body = "CREATE PACKAGE BODY \"p\" AS END";
        check(ObjectKind::PackageBody, body, "ANSI_QUOTES", [body, body]);
        let role =
            defined(ObjectKind::Event, "CREATE DEFINER=a@b EVENT `e` DO DO 1", "", &Definers::As("r".into()));
        assert_eq!(role.unwrap(), "CREATE DEFINER=`r` EVENT `e` DO DO 1");
    }

    #[test]
    fn t04_what_else_a_text_could_make_is_not_understood() {
        for (kind, text) in [
            (ObjectKind::View, "DROP VIEW `v`"),
            (ObjectKind::View, "CREATE TABLE `v` (a int)"),
            (ObjectKind::View, "CREATE /*!50001 TABLE t */ VIEW `v` AS select 1"),
            (ObjectKind::Function, "CREATE DEFINER=`a`@`b` PROCEDURE `f`() DO 1"),
            (ObjectKind::PackageBody, "CREATE PACKAGE `p` AS END"),
            (ObjectKind::Trigger, "CREATE TRIGGER `t` BEFORE INSERT"),
            (ObjectKind::Trigger, "CREATE TRIGGER `t` BEFORE INSERT ON 'x'"),
            (ObjectKind::Event, "CREATE DEFINER= EVENT `e` DO DO 1"),
            (ObjectKind::View, "CREATE VIEW `open"),
            (ObjectKind::View, "CREATE VIEW"),
        ] {
            assert_eq!(read(kind, text, ""), None, "{text}");
        }
    }

    #[test]
    fn what_a_definition_makes_and_where() {
        let object = |kind, name: &str, table: Option<&str>| DatabaseObject {
            kind,
            name: name.to_owned(),
            definition: String::new(),
            table: table.map(str::to_owned),
            definer: None,
            made_under: std::collections::BTreeMap::new(),
            trouble: None,
        };
        let trigger = object(ObjectKind::Trigger, "tr`1", Some("t"));
        for (text, mode, relative, makes) in [
            (
                "CREATE DEFINER=\"a\"@\"%\" TRIGGER /* c */ \"src\".\"tr`1\" -- a comment\n AFTER UPDATE ON src . t FOR EACH ROW SET @a = 1",
                "ANSI_QUOTES",
                Some(
                    "CREATE DEFINER=\"a\"@\"%\" TRIGGER /* c */ \"tr`1\" -- a comment\n AFTER UPDATE ON t FOR EACH ROW SET @a = 1",
                ),
                false,
            ),
            ("CREATE TRIGGER `tr``1` AFTER INSERT ON T FOR EACH ROW DO 1", "", None, true),
            (
                "CREATE TRIGGER IF NOT EXISTS src.`tr``1` AFTER INSERT ON `src`.`t` FOR EACH ROW DO 1",
                "",
                Some("CREATE TRIGGER IF NOT EXISTS `tr``1` AFTER INSERT ON `t` FOR EACH ROW DO 1"),
                false,
            ),
            ("CREATE TRIGGER `tr``1` AFTER INSERT ON u FOR EACH ROW DO 1", "", None, false),
            ("CREATE TRIGGER `tr2` AFTER INSERT ON t FOR EACH ROW DO 1", "", None, false),
        ] {
            let header = read(ObjectKind::Trigger, text, mode).unwrap();
            assert_eq!(header.relative(text), relative.unwrap_or(text));
            assert_eq!(header.makes(&trigger), makes, "{text}");
            let again = header.relative(text);
            let own = relative.is_some();
            assert!(!own || read(ObjectKind::Trigger, &again, mode).unwrap().makes(&trigger), "{again}");
        }
        let view = object(ObjectKind::View, "v", None);
        for (text, makes) in
            [("CREATE VIEW `v` AS select 1", true), ("CREATE VIEW `other`.`v` AS select 1", false)]
        {
            assert_eq!(read(ObjectKind::View, text, "").unwrap().makes(&view), makes);
        }
    }
}
