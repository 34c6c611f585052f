//! Codes of failures and problems stand in their two enums and nowhere else, and the page about them
//! (`docs/errors.md`) says what the enums say.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use longshore_shared::domain::failure::{FailureClass, FailureCode};
use longshore_shared::domain::problem::ProblemCode;
use longshore_tests::place;

use super::source::{CRATES, sources};

const PAGE: &str = "docs/errors.md";
/// Set, the page is written anew instead of compared.
const WRITE: &str = "LONGSHORE_WRITE_DOCS";

/// Where the codes are spelt.
const OWNERS: &[&str] = &["shared/src/domain/failure/code.rs", "shared/src/domain/problem.rs"];

/// Words that are a code and something else too, with where they are the latter. Other vocabularies of
/// `domain` may have words in common with the codes.
const HOMONYMS: &[(&str, &str, &str)] = &[
    ("read_only", "worker/src/engine/mysql/connect/settings.rs", "a variable of the server"),
    ("statement_timeout", "shared/src/store/database.rs", "a setting of PostgreSQL"),
    ("stopped", "worker/src/lib.rs", "a line of the log"),
    ("target_busy", "api/src/body/", "a field of a task"),
];

#[test]
fn codes_are_spelt_in_their_enums_only() {
    let words = FailureCode::ALL.iter().map(|code| code.as_str());
    let words: BTreeSet<_> = words.chain(ProblemCode::ALL.iter().map(|code| code.as_str())).collect();
    let mut wrong = Vec::new();
    for source in sources(CRATES).iter().filter(|source| !source.is_test()) {
        if OWNERS.contains(&source.path.as_str()) {
            continue;
        }
        let in_domain = source.krate == "shared" && source.room == "domain";
        let code = source.code();
        let lines = code.lines().filter(|line| !(in_domain && line.contains(" = \"")));
        for literal in literals(&lines.collect::<Vec<_>>().join("\n")) {
            let is_other =
                HOMONYMS.iter().any(|(word, place, _)| *word == literal && source.path.starts_with(place));
            if words.contains(literal.as_str()) && !is_other {
                wrong.push(format!("{}: \"{literal}\"", source.path));
            }
        }
    }
    assert!(wrong.is_empty(), "a code is a value of FailureCode or ProblemCode: {wrong:#?}");
}

#[test]
fn the_page_of_errors_is_what_the_enums_say() {
    let path = place::repository().join(PAGE);
    let expected = page();
    if place::variable(WRITE).is_some() {
        std::fs::write(&path, &expected).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == expected,
        "{PAGE} is not what the enums say; `{WRITE}=1 cargo nextest run -E 'test(page_of_errors)'` writes it anew"
    );
}

/// Texts without anything but small letters, digits and underscores.
fn literals(code: &str) -> Vec<String> {
    let is_word =
        |text: &&str| text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    code.split('"').filter(is_word).map(str::to_owned).collect()
}

fn page() -> String {
    let mut page = String::from(
        "# Errors\n\n\
         For people on call and for people who write clients: every code that Longshore tells, what it means and what\n\
         to do about it. Codes are stable; the texts beside them are not. The page is generated from\n\
         `shared/src/domain/failure/` and `shared/src/domain/problem.rs`.\n\n\
         ## Failures\n\n\
         Why a job, a table, a step or a stage of a connection's test failed: `failure.class`, `failure.code`, with a\n\
         `message` that names what it was about and a `hint` that may know more than this page. What may pass by itself\n\
         is tried again before the job fails; the job's log tells each attempt.\n",
    );
    for class in FailureClass::ALL {
        let _ = write!(page, "\n### {class}\n\n{}\n\n", about(*class));
        page.push_str("| code | what it means | what to do |\n|---|---|---|\n");
        for code in FailureCode::ALL.iter().filter(|code| code.class() == *class) {
            let _ = writeln!(page, "| `{code}` | {} | {} |", cell(code.meaning()), cell(code.remedy()));
        }
    }
    page.push_str(
        "\n## Problems\n\n\
         Why the API does not serve a request: `code` of a problem document (RFC 9457), with a `detail` that names what\n\
         it was about. A code with status 422 is a field's: `field` names it, and `errors` all that are wrong.\n\n\
         | code | status | what it means | what to do |\n|---|---|---|---|\n",
    );
    for code in ProblemCode::ALL {
        let statuses: Vec<String> = code.statuses().iter().map(ToString::to_string).collect();
        let (meaning, remedy) = (cell(code.meaning()), cell(code.remedy()));
        let _ = writeln!(page, "| `{code}` | {} | {meaning} | {remedy} |", statuses.join(", "));
    }
    page
}

/// Who has to do with a class.
fn about(class: FailureClass) -> &'static str {
    match class {
        FailureClass::ConnectionFailure => {
            "The server cannot be reached, or does not let Longshore in: the network's or the server's administrator."
        }
        FailureClass::PermissionError => {
            "The account may not do what the job needs: the server's administrator. Nothing is tried again."
        }
        FailureClass::SchemaMismatch => {
            "The two sides' structures do not fit: the owner of the tables, or of the task that names them."
        }
        FailureClass::InsufficientSpace => "The server has no room: its administrator.",
        FailureClass::DataError => "Rows cannot be stored or proven as they are: the owner of the data.",
        FailureClass::TargetBusy => "Another job writes the same tables: whoever runs the tasks.",
        FailureClass::Internal => "A fault of Longshore or of its own servers: whoever operates Longshore.",
    }
}

/// A text as it stands in a table.
fn cell(text: &str) -> String {
    text.trim_end_matches('.').replace('|', "\\|")
}
