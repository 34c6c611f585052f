//! Why a table is not synchronised, in words a person can act on; pure.

use longshore_shared::domain::failure::{Failure, FailureCode};

/// A job's message stays readable, and a row of the control plane small.
const MESSAGE_BYTES: usize = 4_000;

/// A refusal that is about the two structures.
pub(super) fn mismatch(code: FailureCode, message: impl Into<String>) -> Failure {
    Failure::permanent(code, bounded(message.into()))
}

/// One failure for all refused tables; `None`: there is none. A single table's stands as
/// it is, several keep their code when they share it.
pub(super) fn all(refused: &[&Failure]) -> Option<Failure> {
    let first = *refused.first()?;
    if refused.len() == 1 {
        return Some(first.clone());
    }
    let same = refused.iter().all(|failure| failure.code == first.code);
    let messages: Vec<&str> = refused.iter().map(|failure| failure.message.as_str()).collect();
    let message = format!("{} tables cannot be synchronised: {}", refused.len(), messages.join("; "));
    let message = bounded(message);
    Some(match same {
        true => Failure::permanent(first.code, message).with_hint(first.hint.as_str()),
        false => Failure::permanent(FailureCode::TablesRefused, message),
    })
}

/// A table that no decision was reached for.
pub(super) fn undecided() -> Failure {
    Failure::permanent(FailureCode::Undecided, "the plan reached no decision for this table")
}

pub(super) fn bounded(mut message: String) -> String {
    if message.len() > MESSAGE_BYTES {
        let end = (0..=MESSAGE_BYTES).rev().find(|&at| message.is_char_boundary(at)).unwrap_or(0);
        message.truncate(end);
        message.push_str(" … (and more)");
    }
    message
}
