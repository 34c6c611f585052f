//! What a soak is asked for: `longshore-chaos MINUTES SEED`, both optional.

use std::time::Duration;

use longshore_shared::clock;

const MINUTES: f64 = 10.0;

/// What a soak is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Options {
    /// How long faults are made.
    pub(crate) time: Duration,
    /// What all randomness comes from.
    pub(crate) seed: u64,
}

impl Options {
    /// Reads the arguments; an empty one is none.
    pub(crate) fn read(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut next = || arguments.next().filter(|text| !text.is_empty());
        let minutes = next().map_or(Ok(MINUTES), |text| text.parse::<f64>().map_err(|_| text));
        let minutes = minutes.ok().filter(|minutes| (0.1..=1_440.0).contains(minutes));
        let minutes = minutes.ok_or("MINUTES is a number from 0.1 to 1440")?;
        let seed = next().map_or_else(|| Ok(fresh_seed()), |text| text.parse::<u64>().map_err(|_| text));
        let seed = seed.map_err(|text| format!("SEED={text} is no whole number"))?;
        Ok(Self { time: Duration::from_secs_f64(minutes * 60.0), seed })
    }
}

/// Short, since a person types it again.
fn fresh_seed() -> u64 {
    clock::fresh_id().as_u64_pair().1 % 1_000_000
}
