//! From a claimed step to its verb.

use std::sync::Arc;

use longshore_shared::domain::failure::Failure;
use longshore_shared::domain::step::Outcome;

use super::Worker;
use super::held::Held;

pub(super) async fn run(worker: Arc<Worker>, held: Arc<Held>) -> Result<Outcome, Failure> {
    let _ = (worker, held);
    Ok(Outcome::default())
}
