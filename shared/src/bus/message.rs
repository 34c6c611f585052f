//! What travels: JSON, versioned, ids and kinds only.
//!
//! A reader takes fields that it does not know (a newer sender's), and refuses a version
//! that it does not know. The forms are held by tests: change them only together with
//! the version, and read the old one for a release.

use serde::{Deserialize, Serialize};

use crate::domain::UnknownWord;
use crate::domain::id::{JobId, OrgId, StepId};
use crate::domain::progress::StepProgress;
use crate::domain::step::StepKind;
use crate::telemetry::TraceContext;

const VERSION: u32 = 1;

/// No message of Longshore comes near this.
const LONGEST: usize = 16 * 1024;

/// "This step is ready to be claimed."
///
/// Serialises to its wire form, which is also what an outbox row holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "StepWire", into = "StepWire")]
pub struct StepMessage {
    /// The organisation.
    pub org_id: OrgId,
    /// The job.
    pub job_id: JobId,
    /// The step.
    pub step_id: StepId,
    /// The step's kind as text, so that a kind of a newer release stays readable.
    pub kind: String,
    /// The trace that led here.
    pub trace: Option<TraceContext>,
}

/// Something that all workers are told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Control {
    /// A job is to end; whoever works on it stops.
    Cancel {
        /// The organisation.
        #[serde(rename = "org")]
        org_id: OrgId,
        /// The job.
        #[serde(rename = "job")]
        job_id: JobId,
    },
    /// A job asks for workers that hold something for it.
    Enlist {
        /// The organisation.
        #[serde(rename = "org")]
        org_id: OrgId,
        /// The job.
        #[serde(rename = "job")]
        job_id: JobId,
        /// The enlisting that they would belong to.
        generation: i32,
    },
    /// There is news for a job's holders.
    Look {
        /// The organisation.
        #[serde(rename = "org")]
        org_id: OrgId,
        /// The job.
        #[serde(rename = "job")]
        job_id: JobId,
    },
}

/// A message that cannot be read. Its text never holds the message.
#[derive(Debug, thiserror::Error)]
pub enum MessageError {
    /// It is longer than any message of Longshore.
    #[error("the message has {bytes} bytes, more than any of Longshore's")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// It is of a version that this release does not know.
    #[error("the message is of version {version}, this release reads version {VERSION}")]
    Version {
        /// Its version.
        version: u32,
    },
    /// It is not what it should be.
    #[error("the message is not what it should be (line {}, column {})", .source.line(), .source.column())]
    Form {
        /// What is wrong.
        source: serde_json::Error,
    },
}

impl StepMessage {
    /// The announcement of a step. A trace that cannot be read is left out: it is no
    /// reason to leave the work undone.
    pub fn new(org_id: OrgId, job_id: JobId, step_id: StepId, kind: &str, trace: Option<&str>) -> Self {
        let trace = trace.and_then(|text| text.parse().ok());
        Self { org_id, job_id, step_id, kind: kind.to_owned(), trace }
    }

    /// The step's kind, if this release knows it.
    pub fn known_kind(&self) -> Result<StepKind, UnknownWord> {
        self.kind.parse()
    }

    /// The trace to go on with: the message's, or a fresh one.
    pub fn trace_or_fresh(&self) -> TraceContext {
        self.trace.unwrap_or_else(TraceContext::fresh)
    }
}

#[derive(Serialize, Deserialize)]
struct StepWire {
    v: u32,
    org: OrgId,
    job: JobId,
    step: StepId,
    kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    trace: Option<String>,
}

impl From<StepMessage> for StepWire {
    fn from(message: StepMessage) -> Self {
        let StepMessage { org_id: org, job_id: job, step_id: step, kind, trace } = message;
        Self { v: VERSION, org, job, step, kind, trace: trace.map(Into::into) }
    }
}

impl TryFrom<StepWire> for StepMessage {
    type Error = MessageError;

    fn try_from(wire: StepWire) -> Result<Self, MessageError> {
        let StepWire { v, org, job, step, kind, trace } = wire;
        match v {
            VERSION => Ok(Self::new(org, job, step, &kind, trace.as_deref())),
            version => Err(MessageError::Version { version }),
        }
    }
}

/// A message as bytes.
pub(super) trait Wire: Sized + Clone + Send + 'static {
    fn encode(&self) -> Vec<u8>;
    fn decode(body: &[u8]) -> Result<Self, MessageError>;
}

#[derive(Serialize)]
struct Versioned<'a, T> {
    v: u32,
    #[serde(flatten)]
    message: &'a T,
}

const PLAIN: &str = "its fields are texts and numbers, which JSON can hold";

impl Wire for StepMessage {
    fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect(PLAIN)
    }

    fn decode(body: &[u8]) -> Result<Self, MessageError> {
        read(body)
    }
}

macro_rules! versioned {
    ($($name:ty),+) => {$(
        impl Wire for $name {
            fn encode(&self) -> Vec<u8> {
                serde_json::to_vec(&Versioned { v: VERSION, message: self }).expect(PLAIN)
            }

            fn decode(body: &[u8]) -> Result<Self, MessageError> {
                read(body)
            }
        }
    )+};
}
versioned!(Control, StepProgress);

fn read<T: for<'de> Deserialize<'de>>(body: &[u8]) -> Result<T, MessageError> {
    #[derive(Deserialize)]
    struct Version {
        v: u32,
    }
    if body.len() > LONGEST {
        return Err(MessageError::TooLong { bytes: body.len() });
    }
    let form = |source| MessageError::Form { source };
    // The version first: the rest may mean something else in another one.
    let Version { v } = serde_json::from_slice(body).map_err(form)?;
    if v != VERSION {
        return Err(MessageError::Version { version: v });
    }
    serde_json::from_slice(body).map_err(form)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test")]

    use uuid::Uuid;

    use super::{Control, StepMessage, Wire as _};
    use crate::domain::progress::StepProgress;
    use crate::domain::step::{Counts, StepKind};

    const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn message() -> StepMessage {
        StepMessage {
            org_id: Uuid::from_u128(1).into(),
            job_id: Uuid::from_u128(2).into(),
            step_id: Uuid::from_u128(3).into(),
            kind: "copy".to_owned(),
            trace: Some(TRACE.parse().unwrap()),
        }
    }

    fn text(body: Vec<u8>) -> String {
        String::from_utf8(body).unwrap()
    }

    #[test]
    fn the_wire_forms_are_as_they_have_always_been() {
        let step = concat!(
            r#"{"v":1,"org":"00000000-0000-0000-0000-000000000001","#,
            r#""job":"00000000-0000-0000-0000-000000000002","#,
            r#""step":"00000000-0000-0000-0000-000000000003","kind":"copy","#,
            r#""trace":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}"#
        );
        assert_eq!(text(message().encode()), step);
        assert_eq!(StepMessage::decode(step.as_bytes()).unwrap(), message());
        let row = serde_json::to_value(message()).unwrap();
        assert_eq!(serde_json::from_value::<StepMessage>(row).unwrap(), message());

        let control = Control::Cancel { org_id: message().org_id, job_id: message().job_id };
        let wire = concat!(
            r#"{"v":1,"do":"cancel","org":"00000000-0000-0000-0000-000000000001","#,
            r#""job":"00000000-0000-0000-0000-000000000002"}"#
        );
        assert_eq!(text(control.encode()), wire);
        assert_eq!(Control::decode(wire.as_bytes()).unwrap(), control);

        let (org_id, job_id) = (message().org_id, message().job_id);
        let enlist = Control::Enlist { org_id, job_id, generation: 3 };
        let asked = wire.replace("cancel", "enlist").replace('}', r#","generation":3}"#);
        assert_eq!(text(enlist.encode()), asked);
        assert_eq!(text(Control::Look { org_id, job_id }.encode()), wire.replace("cancel", "look"));
    }

    #[test]
    fn progress_has_its_wire_form_too() {
        let progress = StepProgress {
            org_id: message().org_id,
            job_id: message().job_id,
            step_id: message().step_id,
            attempt: 2,
            table_number: None,
            worker: "w".to_owned(),
            counts: Counts { rows: 7, ..Counts::default() },
            ended: false,
        };
        let wire = concat!(
            r#"{"v":1,"org_id":"00000000-0000-0000-0000-000000000001","#,
            r#""job_id":"00000000-0000-0000-0000-000000000002","#,
            r#""step_id":"00000000-0000-0000-0000-000000000003","attempt":2,"table_number":null,"worker":"w","#,
            r#""counts":{"rows":7,"bytes":0,"inserted":0,"updated":0,"deleted":0,"unchanged":0,"skipped":0},"#,
            r#""ended":false}"#
        );
        assert_eq!(text(progress.encode()), wire);
        assert_eq!(StepProgress::decode(wire.as_bytes()).unwrap().counts.rows, 7);
    }

    #[test]
    fn a_newer_senders_fields_are_let_pass_and_its_version_is_not() {
        let with = |start: &str| text(message().encode()).replace(r#"{"v":1,"#, start);
        let check = |body: &str, expected: &str| match StepMessage::decode(body.as_bytes()) {
            Ok(_) => assert_eq!(expected, "", "{body}"),
            Err(error) => assert!(error.to_string().contains(expected) && !expected.is_empty(), "{error}"),
        };
        check(&with(r#"{"v":1,"new":{"a":1},"#), "");
        check(&with(r#"{"v":2,"#), "of version 2");
        check(&with("{"), "not what it should be");
        check(&with(&format!(r#"{{"v":1,"new":"{}","#, "x".repeat(20_000))), "bytes, more than any");
        check("", "not what it should be");
        check("\u{0}\u{1}", "not what it should be");
        check(r#"{"v":1}"#, "not what it should be");
        check(r#"[1]"#, "not what it should be");
    }

    #[test]
    fn a_strange_trace_or_kind_does_not_hinder_the_reading() {
        let strange = text(message().encode()).replace(TRACE, "zz").replace("copy", "levitate");
        let read = StepMessage::decode(strange.as_bytes()).unwrap();
        assert_eq!(read.trace, None);
        assert!(read.known_kind().is_err());
        assert_eq!(message().known_kind(), Ok(StepKind::Copy));
    }
}
