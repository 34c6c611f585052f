//! The labels of metrics, and every value that one may have.
//!
//! A label whose values are a vocabulary is closed: its series stand at zero from the start, so that
//! the first event after a restart is an increase. No label holds an identifier of a customer.

use crate::domain::Vocabulary;
use crate::domain::job::JobState;
use crate::domain::words;

/// Labels of one observation: exactly the keys that a metric names.
pub(super) type Labels<'a> = &'a [(&'static str, &'a str)];

/// A label of a metric.
#[derive(Clone, Copy, Debug)]
pub struct Label {
    /// Its key.
    pub key: &'static str,
    words: fn() -> Vec<&'static str>,
}

impl Label {
    /// A label whose values are this vocabulary.
    pub(super) const fn of<T: Vocabulary>(key: &'static str) -> Self {
        Self { key, words: all::<T> }
    }

    /// Every value; `None`: the values are not listed here, but bounded (routes, releases).
    pub fn values(&self) -> Option<Vec<&'static str>> {
        Some((self.words)()).filter(|words| !words.is_empty())
    }
}

fn all<T: Vocabulary>() -> Vec<&'static str> {
    T::ALL.iter().map(|value| value.word()).collect()
}

/// Values that are bounded and not listed here: routes, duties, pools, releases.
#[derive(Clone, Copy, Debug)]
pub(super) enum Unlisted {}

impl Vocabulary for Unlisted {
    const NOUN: &'static str = "Unlisted";
    const ALL: &'static [Self] = &[];
    fn word(self) -> &'static str {
        match self {}
    }
}

/// States of a job that has ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Final(JobState);

impl Vocabulary for Final {
    const NOUN: &'static str = "Final";
    const ALL: &'static [Self] =
        &[Self(JobState::Completed), Self(JobState::Failed), Self(JobState::Cancelled)];
    fn word(self) -> &'static str {
        self.0.as_str()
    }
}

/// States of a job that has not.
#[derive(Clone, Copy, Debug)]
pub(super) struct Active(JobState);

impl Vocabulary for Active {
    const NOUN: &'static str = "Active";
    const ALL: &'static [Self] = &[Self(JobState::Pending), Self(JobState::Running)];
    fn word(self) -> &'static str {
        self.0.as_str()
    }
}

words! {
    /// The programs that stay.
    Program {
        /// Serves the API.
        Api = "longshore-api",
        /// Executes steps.
        Worker = "longshore-worker",
        /// Starts what is due.
        Scheduler = "longshore-scheduler",
    }
}

words! {
    /// How an attempt at a step ended.
    AttemptEnd {
        /// The step is done.
        Done = "done",
        /// It failed and is made again.
        Retried = "retried",
        /// It failed and is not.
        GivenUp = "given_up",
        /// Its job ended meanwhile.
        Cancelled = "cancelled",
        /// It goes on when its target is free.
        Waits = "waits",
        /// The worker stopped.
        HandedBack = "handed_back",
        /// Another worker has the step.
        Lost = "lost",
        /// The control plane did not answer for too long.
        Unsettled = "unsettled",
    }
}

words! {
    /// What was done with a delivery of RabbitMQ's.
    Taken {
        /// Acknowledged: the row tells the rest.
        Acknowledged = "acknowledged",
        /// Given back.
        Requeued = "requeued",
        /// Put into the dead queue.
        PutAside = "put_aside",
        /// Given back because nobody settled it.
        Dropped = "dropped",
    }
}

words! {
    /// What came of telling a webhook.
    Told {
        /// It answered with a success.
        Delivered = "delivered",
        /// It is told again later.
        Retried = "retried",
        /// It is not told any more.
        GivenUp = "given_up",
    }
}

words! {
    /// What a process's connection to RabbitMQ is for.
    BusLink {
        /// Messages are sent.
        Publish = "publish",
        /// Messages are taken.
        Consume = "consume",
    }
}

words! {
    /// Why a call to Longshore's PostgreSQL failed.
    DatabaseTrouble {
        /// It cannot be reached, is shutting down, or has run out of something.
        Away = "away",
        /// No connection could be had in time: all are in use, or it does not listen.
        NoConnection = "no_connection",
        /// It did not answer in time.
        NoAnswer = "no_answer",
        /// It undid a transaction for another one's sake.
        Conflict = "conflict",
        /// It refused for another reason.
        Refused = "refused",
    }
}

words! {
    /// What a pool's connections do.
    PoolState {
        /// Nobody has it.
        Idle = "idle",
        /// Somebody has it.
        Used = "used",
    }
}

words! {
    /// Sessions on databases whose sessions are limited.
    SessionState {
        /// Taken by steps and holders.
        Used = "used",
        /// As many as there may be.
        Allowed = "allowed",
    }
}

words! {
    /// What is asked of the store of packages and backups.
    StoreOperation {
        /// Looks at the bucket.
        Check = "check",
        /// Writes an object, or a part of one.
        Put = "put",
        /// Reads an object, or its rest.
        Get = "get",
        /// Looks at an object.
        Head = "head",
        /// Removes objects.
        Delete = "delete",
        /// Names objects, or uploads that nobody completed.
        List = "list",
        /// Begins, completes or gives up an upload in parts.
        Multipart = "multipart",
    }
}

words! {
    /// What came of it.
    StoreResult {
        /// It is done.
        Done = "done",
        /// There is no such object, or no such upload any more.
        Missing = "missing",
        /// There is no such bucket.
        NoBucket = "no_bucket",
        /// The account may not, or is none.
        Denied = "denied",
        /// The object is another one than before.
        Changed = "changed",
        /// The server cannot be reached, or asks for patience: it may work later.
        Unavailable = "away",
        /// The server has no room.
        Full = "full",
        /// The server does not take the request.
        Refused = "refused",
    }
}

words! {
    /// What was removed from the store.
    Swept {
        /// An object whose package no row names, or one that is gone.
        Orphan = "orphan",
        /// An object of a package that failed or was deleted, or that a complete one does not need.
        Package = "package",
        /// An upload in parts that nobody completed.
        Upload = "upload",
    }
}

words! {
    /// Which way bytes of objects went.
    StoreWay {
        /// To the store.
        Up = "up",
        /// From it.
        Down = "down",
    }
}

#[cfg(test)]
mod tests {
    use super::{Active, Final, Label, Unlisted};
    use crate::domain::job::JobState;

    #[test]
    fn a_jobs_states_are_shared_out() {
        for (label, is_final) in [(Label::of::<Final>("state"), true), (Label::of::<Active>("state"), false)]
        {
            let expected = JobState::ALL.iter().filter(|state| state.is_final() == is_final);
            assert_eq!(label.values(), Some(expected.map(|state| state.as_str()).collect()));
        }
        assert_eq!(Label::of::<Unlisted>("route").values(), None);
    }
}
