//! What steps tell each other by way of the control plane, read and written.

use longshore_shared::domain::failure::{Failure, FailureCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Reads what an earlier step wrote.
pub(in crate::steps) fn read<T: DeserializeOwned>(value: &Value, what: &str) -> Result<T, Failure> {
    T::deserialize(value).map_err(|error| {
        Failure::permanent(
            FailureCode::PlanNotRead,
            format!("the {what} of this step does not read: {error}"),
        )
    })
}

/// Writes what a later step reads.
pub(in crate::steps) fn written<T: Serialize>(value: &T) -> Result<Value, Failure> {
    serde_json::to_value(value).map_err(|error| {
        Failure::permanent(FailureCode::PlanNotWritten, format!("a plan could not be written: {error}"))
    })
}
