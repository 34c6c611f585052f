//! Where settings are read from: the process's variables and the file `.env`.

use std::collections::BTreeMap;
use std::path::Path;

use super::error::{ConfigError, Problems};
use super::variables::{Fallback, VARIABLES, Variable};

const PREFIX: &str = "LONGSHORE_";

/// A snapshot of the variables that begin with `LONGSHORE_`.
///
/// A variable that is set to nothing counts as not set.
pub struct Environment {
    values: BTreeMap<String, String>,
    #[cfg(test)]
    pub(super) asked: std::sync::Mutex<std::collections::BTreeSet<&'static str>>,
}

impl Environment {
    /// Reads the process's variables, and `.env` in the current directory if it is there.
    pub fn read() -> Result<Self, Problems> {
        let mut problems = Problems::default();
        let mut values = problems.keep(file(Path::new(".env"))).unwrap_or_default();
        for (name, value) in std::env::vars_os() {
            let name = name.to_string_lossy().into_owned();
            if !name.starts_with(PREFIX) {
                continue;
            }
            match value.into_string() {
                Ok(value) => drop(values.insert(name, value)),
                Err(_) => problems.0.push(ConfigError::NotText { variable: name }),
            }
        }
        if problems.0.is_empty() { Ok(Self::of(values)) } else { Err(problems) }
    }

    /// Takes variables from elsewhere: a test, or a harness that starts a process in itself.
    pub fn of<N: Into<String>, V: Into<String>>(variables: impl IntoIterator<Item = (N, V)>) -> Self {
        Self {
            values: variables
                .into_iter()
                .map(|(name, value)| (name.into(), value.into()))
                .filter(|(name, value)| name.starts_with(PREFIX) && !value.trim().is_empty())
                .collect(),
            #[cfg(test)]
            asked: std::sync::Mutex::default(),
        }
    }

    /// Reads one variable, or its default, by `parse`, which says what is wrong.
    pub(super) fn read_one<T>(
        &self,
        variable: &Variable,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Result<T, ConfigError> {
        #[cfg(test)]
        self.asked.lock().expect("no test panics under this lock").insert(variable.name);
        let expected = || variable.expected.to_owned();
        let (found, made);
        let text = match (self.values.get(variable.name), variable.default) {
            (Some(value), _) => {
                found = value.trim();
                found
            }
            (None, Fallback::Text(text)) => text,
            (None, Fallback::Made { make, .. }) => {
                made = make();
                &made
            }
            (None, Fallback::Required) => {
                return Err(ConfigError::Missing { variable: variable.name, expected: expected() });
            }
        };
        parse(text).map_err(|reason| match variable.secret {
            true => ConfigError::WrongSecret { variable: variable.name, reason, expected: expected() },
            false => {
                ConfigError::Wrong { variable: variable.name, found: text.to_owned(), expected: expected() }
            }
        })
    }

    /// Adds the variables that nobody knows to the problems of `result`.
    pub(super) fn only_known<T>(&self, result: Result<T, Problems>) -> Result<T, Problems> {
        let unknown: Vec<_> = self
            .values
            .keys()
            .filter(|name| VARIABLES.iter().all(|known| known.name != name.as_str()))
            .map(|name| ConfigError::Unknown { variable: name.clone(), nearest: nearest(name) })
            .collect();
        match result {
            Ok(value) if unknown.is_empty() => Ok(value),
            Ok(_) => Err(Problems(unknown)),
            Err(mut problems) => {
                problems.0.extend(unknown);
                Err(problems)
            }
        }
    }
}

/// The known name that is spelt most like `name`, if any is near at all.
fn nearest(name: &str) -> Option<&'static str> {
    VARIABLES
        .iter()
        .map(|known| (strsim::jaro_winkler(&name[PREFIX.len()..], &known.name[PREFIX.len()..]), known.name))
        .filter(|(likeness, _)| *likeness > 0.75)
        .max_by(|left, right| left.0.total_cmp(&right.0))
        .map(|(_, known)| known)
}

fn file(path: &Path) -> Result<BTreeMap<String, String>, ConfigError> {
    let entries = match dotenvy::from_path_iter(path) {
        Ok(entries) => entries,
        Err(error) if error.not_found() => return Ok(BTreeMap::new()),
        Err(error) => return Err(ConfigError::File { reason: reason(&error, 0) }),
    };
    let mut values = BTreeMap::new();
    for (read, entry) in entries.enumerate() {
        let (name, value) = entry.map_err(|error| ConfigError::File { reason: reason(&error, read) })?;
        values.insert(name, value);
    }
    Ok(values)
}

/// Words of our own: dotenvy's message for a line it cannot read shows the line, which may hold a password.
fn reason(error: &dotenvy::Error, read: usize) -> String {
    match error {
        dotenvy::Error::Io(error) => error.to_string(),
        _ => format!("entry {} is not NAME=value (a value with blanks, $ or # needs 'quotes')", read + 1),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test")]

    use super::{Environment, file};
    use crate::config::Log;

    #[test]
    fn a_file_is_read_and_its_secrets_stay_out_of_the_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".env");
        assert!(file(&path).unwrap().is_empty());
        std::fs::write(&path, "# a comment\nLONGSHORE_LOG=debug\nexport OTHER='a b'\n").unwrap();
        let values = file(&path).unwrap();
        assert_eq!(values["LONGSHORE_LOG"], "debug");
        assert_eq!(Log::from_env(&Environment::of(values)).unwrap().filter, "debug");
        std::fs::write(&path, "LONGSHORE_LOG=debug\nLONGSHORE_AMQP_URL=amqp://u:hun ter2@h\n").unwrap();
        let problem = file(&path).unwrap_err().to_string();
        assert!(problem.contains("entry 2") && !problem.contains("hun"), "{problem}");
    }
}
