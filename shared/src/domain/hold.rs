//! What some workers hold for a job (a snapshot, say), and how they come to it.
//!
//! First enlist: workers get ready, and nothing is fixed. Then fix the point: each is told
//! what all hold from now on, and reports. Then the job's steps that need it go to its own
//! queue. A new enlisting is a new generation; what two generations hold is never mixed.

use super::words;

words! {
    /// How far a job's holders are.
    HoldPhase {
        /// Workers are asked to be holders.
        Enlisting = "enlisting",
        /// The holders are told the point, and report that they hold it.
        Fixing = "fixing",
        /// Steps may be done by those who hold the point.
        Open = "open",
    }
}

words! {
    /// Where a worker stands as a job's holder.
    HolderState {
        /// It gets ready: logs in, and fixes nothing.
        Preparing = "preparing",
        /// It is ready and holds no point yet.
        Enlisted = "enlisted",
        /// It holds the point.
        Held = "held",
        /// It fell silent and was struck off.
        Lost = "lost",
        /// It let go, or was left out because it did not report in time.
        Left = "left",
    }
}

/// How often a job starts again because all its holders are lost; then it fails.
pub const MOST_RESTARTS: i32 = 20;
/// Holders that a job may ask for.
pub const MOST_HOLDERS: u32 = 100;
