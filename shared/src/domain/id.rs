//! Identifiers: a type for each noun, so that none stands in another's place.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! id {
    ($($(#[$meta:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }
    )+};
}

id! {
    /// An organisation, the border that nothing crosses.
    OrgId,
    /// A registered connection.
    ConnectionId,
    /// A sync task.
    TaskId,
    /// When something runs by itself.
    ScheduleId,
    /// A job.
    JobId,
    /// A step of a job.
    StepId,
    /// A dump or a backup in the store.
    PackageId,
    /// One run of a worker process.
    WorkerId,
    /// A message that was put aside.
    DeadLetterId,
    /// An API token (its row, not its secret).
    TokenId,
    /// A webhook.
    WebhookId,
    /// Something that a webhook is told.
    DeliveryId,
}
