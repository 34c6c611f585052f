//! Logs: what is told and in which form.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use super::variables::{LOG, LOG_FORMAT};
use super::{Environment, Problems, gather};

/// What is logged, and how.
#[derive(Clone, Debug)]
pub struct Log {
    /// Directives of a tracing `EnvFilter`, checked.
    pub filter: String,
    /// The form of a line.
    pub format: LogFormat,
}

/// The form of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For a person.
    Text,
    /// One JSON object a line, for a program.
    Json,
}

impl Log {
    /// Reads the section.
    pub fn from_env(from: &Environment) -> Result<Self, Problems> {
        gather!(Self { filter: from.read_one(&LOG, filter), format: from.read_one(&LOG_FORMAT, format) })
    }
}

fn filter(text: &str) -> Result<String, String> {
    // `EnvFilter` takes a single unknown word for a module's name and then logs nothing else.
    let bare = text.chars().all(|c| c.is_ascii_alphabetic());
    if bare && text.parse::<LevelFilter>().is_err() {
        return Err(String::new());
    }
    EnvFilter::try_new(text).map(|_| text.to_owned()).map_err(|error| error.to_string())
}

fn format(text: &str) -> Result<LogFormat, String> {
    match text {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err(String::new()),
    }
}
