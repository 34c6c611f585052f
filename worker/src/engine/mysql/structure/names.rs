//! Names of other things in a definition.
//!
//! Invariant: the own schema's name is in no definition that leaves this folder, so that what is made
//! from one means the things beside it, on whichever server and in whichever schema that is.

use super::super::super::sequence::Named;
use super::scan::{Kind, Token, tokens};

/// The text without the own schema's name: ``nextval(`shop`.`s`)`` is ``nextval(`s`)``; `folds`: the server
/// tells names of schemas apart by no case.
pub(in super::super) fn relative(text: &str, schema: &str, folds: bool) -> String {
    let Some(all) = tokens(text) else { return text.to_owned() };
    let is_own = |name: &str| name == schema || folds && name.to_lowercase() == schema.to_lowercase();
    let mut kept = String::with_capacity(text.len());
    let mut from = 0;
    for (at, token) in all.iter().enumerate() {
        let follows_point = at > 0 && all[at - 1].of(text) == ".";
        let Some(rest) = all.get(at + 2).filter(|_| is_point(text, &all, at + 1)) else { continue };
        if !follows_point && token.name(text).is_some_and(|name| is_own(&name)) {
            kept.push_str(&text[from..token.from]);
            from = rest.from;
        }
    }
    kept.push_str(&text[from..]);
    kept
}

/// What a text that names every schema names of the own one, but for columns: ``from `shop`.`orders` ``.
pub(in super::super) fn of_schema(text: &str, schema: &str, folds: bool) -> Vec<String> {
    let Some(all) = tokens(text) else { return Vec::new() };
    let is_own = |name: &str| name == schema || folds && name.to_lowercase() == schema.to_lowercase();
    let mut found = Vec::new();
    for (at, token) in all.iter().enumerate() {
        let is_path = is_point(text, &all, at + 1) && (at == 0 || all[at - 1].of(text) != ".");
        let is_of_column = is_point(text, &all, at + 3);
        if is_path && !is_of_column && token.name(text).is_some_and(|name| is_own(&name)) {
            found.extend(all[at + 2].name(text));
        }
    }
    found
}

/// The sequences that `nextval`, `lastval` and `setval` of a definition name.
pub(in super::super) fn drawn(text: &str) -> Vec<Named> {
    let Some(all) = tokens(text) else { return Vec::new() };
    let mut found = Vec::new();
    for (at, token) in all.iter().enumerate() {
        let draws = ["nextval", "lastval", "setval"].iter().any(|word| token.is_word(text, word));
        let opens = all.get(at + 1).is_some_and(|t| t.kind == Kind::Mark(b'('));
        let named = if draws && opens { named(text, &all, at + 2) } else { None };
        found.extend(named.map(|(named, _)| named).filter(|named| !found.contains(named)));
    }
    found
}

/// What stands in a definition's `UNION=(…)`.
pub(in super::super) fn members(text: &str) -> Vec<Named> {
    let Some(all) = tokens(text) else { return Vec::new() };
    let opens = |at: &usize| {
        all[*at].is_word(text, "UNION")
            && all.get(at + 1).is_some_and(|t| t.kind == Kind::Mark(b'='))
            && all.get(at + 2).is_some_and(|t| t.kind == Kind::Mark(b'('))
    };
    // The option comes after all columns, whose defaults and comments are texts.
    let mut at = (0..all.len()).rfind(opens).map_or(all.len(), |at| at + 3);
    let mut found = Vec::new();
    while let Some((one, end)) = named(text, &all, at) {
        found.push(one);
        at = end + 1;
    }
    found
}

/// A name that may have a schema's before it, and the index past it.
fn named(text: &str, all: &[Token], at: usize) -> Option<(Named, usize)> {
    let first = all.get(at)?.name(text)?;
    if is_point(text, all, at + 1) {
        let name = all.get(at + 2)?.name(text)?;
        return Some((Named { schema: Some(first), name }, at + 3));
    }
    Some((Named { schema: None, name: first }, at + 1))
}

/// Whether a point between two names stands there.
fn is_point(text: &str, all: &[Token], at: usize) -> bool {
    all.get(at).is_some_and(|t| t.of(text) == ".") && all.get(at + 1).is_some_and(|t| t.kind == Kind::Name)
}

#[cfg(test)]
mod tests {
    use super::{drawn, members, of_schema, relative};

    #[test]
    fn n04_the_own_schema_leaves_each_definition() {
        for (text, expected) in [
            ("`id` int DEFAULT nextval(`src`.`s1`)", "`id` int DEFAULT nextval(`s1`)"),
            (
                "`v` int DEFAULT lastval(`src`.`s`) COMMENT '`src`.`s`'",
                "`v` int DEFAULT lastval(`s`) COMMENT '`src`.`s`'",
            ),
            (
                "DEFAULT (nextval(`src`.`a`) + setval(`src`.`b`, 7))",
                "DEFAULT (nextval(`a`) + setval(`b`, 7))",
            ),
            ("CHECK (`src`.`t`.`a` > 0)", "CHECK (`t`.`a` > 0)"),
            ("REFERENCES `src`.`p` (`id`)", "REFERENCES `p` (`id`)"),
            ("UNION=(`m1`,`src`.`m2`,`other`.`m3`)", "UNION=(`m1`,`m2`,`other`.`m3`)"),
            // What only looks like it.
            ("nextval(`other`.`src`)", "nextval(`other`.`src`)"),
            ("`other`.`src`.`x`", "`other`.`src`.`x`"),
            ("CREATE TABLE `src` (`src` int)", "CREATE TABLE `src` (`src` int)"),
            ("nextval(`SRC`.`s1`)", "nextval(`SRC`.`s1`)"),
        ] {
            assert_eq!(relative(text, "src", false), expected);
        }
        assert_eq!(relative("nextval(`SRC`.`s1`)", "src", true), "nextval(`s1`)");
        assert_eq!(relative("nextval(`s``r`.`s1`)", "s`r", false), "nextval(`s1`)");
    }

    #[test]
    fn d31_what_a_view_reads_is_no_column_of_it() {
        let text = "select `a`.`x` AS `b`,`src`.`c`.`y` AS `y`,'`src`.`d`' AS `t` from ((`src`.`e``f` join `other`.`g`) \
                    join `SRC`.`h`) where `src`.`fn`(`x`.`src`.`i`) > 0";
        assert_eq!(of_schema(text, "src", false), ["e`f", "fn"]);
        assert_eq!(of_schema(text, "src", true), ["e`f", "h", "fn"]);
        assert!(of_schema("from `src`.`open", "src", false).is_empty());
    }

    fn told(found: &[super::Named]) -> String {
        let one = |named: &super::Named| match &named.schema {
            Some(schema) => format!("{schema}/{}", named.name),
            None => named.name.clone(),
        };
        found.iter().map(one).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn what_a_definition_names() {
        let text = "`a` int DEFAULT nextval(`s1`), `b` int DEFAULT (NEXTVAL(`s1`) + lastval(`x`.`s2`)) COMMENT 'nextval(`c`)'";
        assert_eq!(told(&drawn(text)), "s1 x/s2");
        let text = "(`UNION` int DEFAULT 1) ENGINE=MRG_MyISAM INSERT_METHOD=LAST UNION=(`m1`,`x`.`m``2`) COMMENT='UNION=(`q`)'";
        assert_eq!(told(&members(text)), "m1 x/m`2");
        assert!(members("(`a` int) ENGINE=MRG_MyISAM").is_empty());
    }
}
