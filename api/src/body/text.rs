//! Texts that are only ever passed on as data, and what is said against one.

use longshore_shared::domain::problem::ProblemCode;
use longshore_shared::vault::Secret;

/// A stable code, and a sentence.
pub(super) type Objection = (ProblemCode, String);

/// A text that is only ever passed on as data; PostgreSQL cannot keep a NUL, and no
/// server takes an account with control characters.
pub(super) fn data(text: String, longest: usize) -> Result<String, Objection> {
    if text.is_empty() {
        return Err((ProblemCode::Required, "at least one character is required".to_owned()));
    }
    if text.chars().count() > longest {
        return Err((ProblemCode::TooLong, format!("at most {longest} characters are taken")));
    }
    if text.chars().any(char::is_control) {
        return Err((ProblemCode::InvalidValue, "control characters are not taken".to_owned()));
    }
    Ok(text)
}

/// A password of any kind.
pub(super) fn password(secret: Secret) -> Result<Secret, Objection> {
    if secret.reveal().len() > 4096 {
        return Err((ProblemCode::TooLong, "at most 4096 bytes are taken".to_owned()));
    }
    // The login of every engine ends a password at a NUL: what follows would not count.
    if secret.reveal().contains('\0') {
        return Err((ProblemCode::InvalidValue, "a NUL is not taken".to_owned()));
    }
    Ok(secret)
}
