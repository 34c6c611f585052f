//! Whether a connection may lead where it does (I2), as far as its spelling tells.

use longshore_shared::domain::address::Rules;
use longshore_shared::domain::connection::Connection;

use crate::error::ApiError;
use longshore_shared::domain::problem::ProblemCode;

/// An error if the host that a worker would connect to is spelt as an address to which nobody
/// may. A name is judged by a worker, at a test and at each connect.
pub(crate) fn may_be_dialled(rules: &Rules, connection: &Connection) -> Result<(), ApiError> {
    let (host, port) = connection.dialled();
    let Some(why) = rules.refuses_literal(host, port) else { return Ok(()) };
    let field = if connection.hops.is_empty() { "host" } else { "hops.0.host" };
    let detail = format!("{host} is {why}, and no connection may lead there");
    Err(ApiError::field(field, ProblemCode::AddressNotAllowed, detail))
}
