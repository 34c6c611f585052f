//! Why a table is not synchronised, in words a person can act on; pure.

use longshore_shared::domain::failure::{Failure, FailureClass};

/// A job's message stays readable, and a row of the control plane small.
const MESSAGE_BYTES: usize = 4_000;

/// A refusal that is about the two structures.
pub(super) fn mismatch(code: &str, message: impl Into<String>, hint: &str) -> Failure {
    Failure::permanent(FailureClass::SchemaMismatch, code, bounded(message.into()), hint)
}

/// One failure for all refused tables; `None`: there is none. A single table's stands as
/// it is, several keep their code when they share it.
pub(super) fn all(refused: &[&Failure]) -> Option<Failure> {
    let first = *refused.first()?;
    if refused.len() == 1 {
        return Some(first.clone());
    }
    let same = refused.iter().all(|f| (f.class, f.code.as_str()) == (first.class, first.code.as_str()));
    let messages: Vec<&str> = refused.iter().map(|failure| failure.message.as_str()).collect();
    let message = format!("{} tables cannot be synchronised: {}", refused.len(), messages.join("; "));
    let hint = if same { first.hint.as_str() } else { "each table's own reason says what to do" };
    let (class, code) = match same {
        true => (first.class, first.code.as_str()),
        false => (FailureClass::SchemaMismatch, "tables_refused"),
    };
    Some(Failure::permanent(class, code, bounded(message), hint))
}

/// A table that no decision was reached for.
pub(super) fn undecided() -> Failure {
    Failure::permanent(
        FailureClass::Internal,
        "undecided",
        "the plan reached no decision for this table",
        "report this as a fault of Longshore",
    )
}

pub(super) fn bounded(mut message: String) -> String {
    if message.len() > MESSAGE_BYTES {
        let end = (0..=MESSAGE_BYTES).rev().find(|&at| message.is_char_boundary(at)).unwrap_or(0);
        message.truncate(end);
        message.push_str(" … (and more)");
    }
    message
}
