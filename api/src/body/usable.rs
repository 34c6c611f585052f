//! Whether a new task may use its connections as they stand.

use longshore_shared::domain::connection::{Connection, ConnectionState};

use crate::error::{ApiError, Conflict};
use longshore_shared::domain::problem::ProblemCode;

/// Refuses connections that nobody has seen to work; source first.
pub(crate) fn usable(source: &Connection, target: &Connection) -> Result<(), ApiError> {
    seen_to_work("source_id", source)?;
    seen_to_work("target_id", target)
}

/// Refuses a connection that nobody has seen to work.
pub(crate) fn seen_to_work(field: &'static str, connection: &Connection) -> Result<(), ApiError> {
    let name = &connection.name;
    let (code, detail, hint) = match connection.state {
        ConnectionState::Verified => return Ok(()),
        ConnectionState::Untested => (
            ProblemCode::ConnectionNotVerified,
            format!("the connection {name} was never tested since it was registered or changed"),
            "test it (POST /v1/connections/{id}/test) until it is verified, or send `allow_untested: true`",
        ),
        ConnectionState::Unreachable => (
            ProblemCode::ConnectionUnreachable,
            format!("the connection {name} was unreachable when it was tested last"),
            "test it (POST /v1/connections/{id}/test), whose examination says what fails, and mend that; or send \
                 `allow_untested: true`",
        ),
    };
    Err(Conflict { field: Some(field), hint: Some(hint), ..Conflict::new(code, detail) }.into())
}
