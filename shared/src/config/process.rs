//! How a process behaves towards the machine that runs it.

use std::time::Duration;

use super::variables::{GRACE_SECONDS, seconds};
use super::{Environment, Problems, gather};

/// The process's own manners.
#[derive(Clone, Debug)]
pub struct Process {
    /// How long a soft stop may take before what still runs is cut off.
    pub grace: Duration,
}

impl Process {
    /// Reads the section.
    pub fn from_env(from: &Environment) -> Result<Self, Problems> {
        gather!(Self { grace: from.read_one(&GRACE_SECONDS, seconds(0..=3_600)) })
    }
}
