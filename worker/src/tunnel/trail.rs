//! The way to a database as it is walked: one stage after the other, with the time that each
//! took.
//!
//! Every login leaves one; a test of a connection reads it. A stage that is begun ends the one
//! before it as passed, so the one that stands at the end is where the way ended.

use longshore_shared::domain::examination::Stage;
use tokio::time::Instant;

/// A stage of one hop, or (`hop`: none) of the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Walked {
    /// Which hop, from 1.
    pub(crate) hop: Option<u8>,
    /// Which stage.
    pub(crate) stage: Stage,
    /// How long it took, or has taken so far.
    pub(crate) milliseconds: u32,
    /// The SSH host's key, once it was shown.
    pub(crate) fingerprint: Option<String>,
}

/// What was passed, and where one stands.
#[derive(Debug, Default)]
pub(crate) struct Trail {
    passed: Vec<Walked>,
    standing: Option<(Walked, Instant)>,
    hop: Option<u8>,
}

impl Trail {
    /// From here on it is about this hop, or about the database.
    pub(super) fn turn_to(&mut self, hop: Option<u8>) {
        self.hop = hop;
    }

    /// Begins a stage.
    pub(super) fn begin(&mut self, stage: Stage) {
        self.arrive();
        let walked = Walked { hop: self.hop, stage, milliseconds: 0, fingerprint: None };
        self.standing = Some((walked, Instant::now()));
    }

    /// The stage that was begun is passed.
    pub(super) fn arrive(&mut self) {
        if let Some(walked) = self.stop() {
            self.passed.push(walked);
        }
    }

    /// The host of the stage showed this key.
    pub(super) fn shown(&mut self, fingerprint: Option<String>) {
        if let Some((walked, _)) = &mut self.standing {
            walked.fingerprint = fingerprint;
        }
    }

    /// Ends the walk: what was passed, and the stage that was begun and not passed.
    pub(crate) fn end(mut self) -> (Vec<Walked>, Option<Walked>) {
        let stopped = self.stop();
        (self.passed, stopped)
    }

    fn stop(&mut self) -> Option<Walked> {
        let (walked, begun) = self.standing.take()?;
        Some(Walked { milliseconds: milliseconds(begun), ..walked })
    }
}

/// Since then, in whole milliseconds.
pub(crate) fn milliseconds(since: Instant) -> u32 {
    u32::try_from(since.elapsed().as_millis()).unwrap_or(u32::MAX)
}
