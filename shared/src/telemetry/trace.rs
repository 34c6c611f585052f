//! The trace that a request starts and that rides in each message it leads to (W3C
//! Trace Context, `traceparent`).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use tracing::Span;

/// A place in a trace: `00-<trace, 32 hex digits>-<span, 16 hex digits>-<flags>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TraceContext {
    trace: u128,
    span: u64,
    sampled: bool,
}

/// A text that is no `traceparent`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a traceparent of the form 00-<32 hex digits>-<16 hex digits>-<2 hex digits>")]
pub struct TraceError;

impl TraceContext {
    /// Begins a trace.
    pub fn fresh() -> Self {
        Self { trace: nonzero(rand::random), span: nonzero(rand::random), sampled: true }
    }

    /// A new place in the same trace.
    #[must_use]
    pub fn child(self) -> Self {
        Self { span: nonzero(rand::random), ..self }
    }

    /// The whole trace's identifier, 32 hex digits.
    pub fn trace_id(self) -> String {
        format!("{:032x}", self.trace)
    }

    /// Whether somebody upstream decided that its spans are kept.
    pub(super) fn is_sampled(self) -> bool {
        self.sampled
    }

    /// The identifiers of the trace and of the place in it.
    pub(super) fn ids(self) -> (u128, u64) {
        (self.trace, self.span)
    }

    /// Opens a span whose lines carry this trace; what it is about stands in `of`.
    pub fn span(self, of: &'static str) -> Span {
        tracing::info_span!("traced", of, trace.id = %format_args!("{:032x}", self.trace))
    }
}

/// The standard says that an identifier of zeros is none.
fn nonzero<T: Default + PartialEq>(random: impl Fn() -> T) -> T {
    std::iter::repeat_with(random).find(|id| *id != T::default()).unwrap_or_default()
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{:032x}-{:016x}-{:02x}", self.trace, self.span, u8::from(self.sampled))
    }
}

impl FromStr for TraceContext {
    type Err = TraceError;

    fn from_str(text: &str) -> Result<Self, TraceError> {
        let parts: Vec<&str> = text.split('-').collect();
        let [version, trace, span, flags, ref more @ ..] = parts[..] else { return Err(TraceError) };
        let version = hex(version, 2)?;
        // A later version may append parts; version ff is forbidden.
        if version == 0xff || (version == 0 && !more.is_empty()) {
            return Err(TraceError);
        }
        let (trace, span) = (hex(trace, 32)?, hex(span, 16)?);
        if trace == 0 || span == 0 {
            return Err(TraceError);
        }
        let span = u64::try_from(span).map_err(|_| TraceError)?;
        Ok(Self { trace, span, sampled: hex(flags, 2)? & 1 == 1 })
    }
}

fn hex(text: &str, digits: usize) -> Result<u128, TraceError> {
    let lower = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if text.len() != digits || !lower {
        return Err(TraceError);
    }
    u128::from_str_radix(text, 16).map_err(|_| TraceError)
}

impl TryFrom<String> for TraceContext {
    type Error = TraceError;

    fn try_from(text: String) -> Result<Self, TraceError> {
        text.parse()
    }
}

impl From<TraceContext> for String {
    fn from(context: TraceContext) -> Self {
        context.to_string()
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test")]

    use super::TraceContext;

    #[test]
    fn a_traceparent_is_read_as_the_standard_says() {
        let check = |text: &str, good: bool| {
            let read = text.parse::<TraceContext>();
            assert_eq!(read.is_ok(), good, "{text}");
            if good && text.starts_with("00") {
                assert_eq!(read.unwrap().to_string(), text);
            }
        };
        check("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", true);
        check("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00", true);
        check("cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more", true);
        check("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more", false);
        check("ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", false);
        check("00-00000000000000000000000000000000-b7ad6b7169203331-01", false);
        check("00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01", false);
        check("00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", false);
        check("00-+af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", false);
        check("00-0af7-b7ad6b7169203331-01", false);
        check("", false);
    }

    #[test]
    fn a_child_stays_in_its_trace() {
        let parent = TraceContext::fresh();
        let child = parent.child();
        assert_eq!(child.trace_id(), parent.trace_id());
        assert_ne!(child, parent);
        assert_eq!(child.to_string().parse::<TraceContext>().unwrap(), child);
    }
}
