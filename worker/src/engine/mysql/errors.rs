//! Native error codes turned into failures: one function.
use longshore_shared::domain::failure::Failure;
/// `doing` says what was tried on what, without any value: "load table `orders`".
pub(super) fn classify(_error: &mysql_async::Error, _doing: &str) -> Failure {
    todo!()
}
