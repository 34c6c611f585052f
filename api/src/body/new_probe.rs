//! The body that asks for a probe of the fleet.

use longshore_shared::domain::hold::MOST_HOLDERS;
use longshore_shared::domain::probe::{LONGEST_SECONDS, MOST_STEPS, ProbeSpec};
use longshore_shared::domain::problem::ProblemCode;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::error::ApiError;
use crate::extract::field::{Field, FieldErrors};

/// A probe: steps that touch nobody's database, sent through the whole fleet.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewProbe {
    /// How many steps; 1 unless given.
    #[schema(value_type = Option<u32>, minimum = 1, maximum = 100_000)]
    #[serde(default)]
    steps: Field<u32>,
    /// How long each rests, in seconds; 0 unless given.
    #[schema(value_type = Option<f64>, minimum = 0, maximum = 86_400)]
    #[serde(default)]
    seconds: Field<f64>,
    /// How many workers hold a token for it at most, so that only they do its steps; 0
    /// unless given: any worker does them.
    #[schema(value_type = Option<u32>, minimum = 0, maximum = 100)]
    #[serde(default)]
    holders: Field<u32>,
}

impl NewProbe {
    /// The probe, or everything that is wrong with the fields.
    pub(crate) fn check(self) -> Result<ProbeSpec, ApiError> {
        let mut found = FieldErrors::default();
        let steps = found.optional("steps", self.steps, "a number of steps").or(Some(1));
        let steps = found.checked("steps", steps, |steps| match (1..=MOST_STEPS).contains(&steps) {
            true => Ok(steps),
            false => Err((ProblemCode::OutOfRange, format!("1 to {MOST_STEPS} steps are taken"))),
        });
        let seconds = found.optional("seconds", self.seconds, "a number of seconds").or(Some(0.0));
        let seconds =
            found.checked("seconds", seconds, |seconds| match (0.0..=LONGEST_SECONDS).contains(&seconds) {
                true => Ok(seconds),
                false => Err((ProblemCode::OutOfRange, format!("0 to {LONGEST_SECONDS} seconds are taken"))),
            });
        let holders = found.optional("holders", self.holders, "a number of holders").or(Some(0));
        let holders = found.checked("holders", holders, |holders| match holders <= MOST_HOLDERS {
            true => Ok(holders),
            false => Err((ProblemCode::OutOfRange, format!("0 to {MOST_HOLDERS} holders are taken"))),
        });
        let spec = steps.zip(seconds).zip(holders);
        found.finish(spec.map(|((steps, seconds), holders)| ProbeSpec { steps, seconds, holders }))
    }
}

#[cfg(test)]
mod tests {
    use super::NewProbe;

    #[test]
    fn bounds() {
        let check = |body: &str, expected: Option<(u32, f64)>| {
            let read: NewProbe = serde_json::from_str(body).expect("the body is read");
            let found = read.check().ok().map(|spec| (spec.steps, spec.seconds));
            assert_eq!(found, expected, "{body}");
        };
        check("{}", Some((1, 0.0)));
        check(r#"{"steps": 100000, "seconds": 0.5}"#, Some((100_000, 0.5)));
        check(r#"{"steps": 0}"#, None);
        check(r#"{"steps": 100001}"#, None);
        check(r#"{"steps": -1}"#, None);
        check(r#"{"steps": 1.5}"#, None);
        check(r#"{"seconds": -1}"#, None);
        check(r#"{"seconds": 86401}"#, None);
        check(r#"{"seconds": "1"}"#, None);
    }
}
