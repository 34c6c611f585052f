//! The body that sets an organisation's limits.

use longshore_shared::domain::limits::MOST_STEPS;
use longshore_shared::domain::problem::ProblemCode;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::error::ApiError;
use crate::extract::field::{Field, FieldErrors};

/// The limits of an organisation, all of them: what is left out is no limit any more.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewLimits {
    /// How many steps of the organisation may run at once, over all workers; no limit unless given.
    #[schema(value_type = Option<i32>, minimum = 1, maximum = 10_000)]
    #[serde(default)]
    max_steps: Field<i32>,
}

impl NewLimits {
    /// The limit of steps, or what is wrong with it.
    pub(crate) fn check(self) -> Result<Option<i32>, ApiError> {
        let mut found = FieldErrors::default();
        let given = found.optional("max_steps", self.max_steps, "a whole number of steps");
        let most = found.checked("max_steps", given, |most| match most {
            1..=MOST_STEPS => Ok(most),
            _ => Err((ProblemCode::OutOfRange, format!("1 to {MOST_STEPS} steps are taken"))),
        });
        found.finish(Some(most))
    }
}

#[cfg(test)]
mod tests {
    use super::NewLimits;

    #[test]
    fn bounds() {
        let check = |body: &str, expected: Option<Option<i32>>| {
            let read: NewLimits = serde_json::from_str(body).expect("the body is read");
            assert_eq!(read.check().ok(), expected, "{body}");
        };
        check("{}", Some(None));
        check(r#"{"max_steps": 1}"#, Some(Some(1)));
        check(r#"{"max_steps": 10000}"#, Some(Some(10_000)));
        check(r#"{"max_steps": 0}"#, None);
        check(r#"{"max_steps": 10001}"#, None);
        check(r#"{"max_steps": "4"}"#, None);
        check(r#"{"max_steps": 1.5}"#, None);
    }
}
