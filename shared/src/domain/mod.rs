//! The nouns of Longshore and the rules that hold for them alone.
//!
//! Nothing here does I/O, asks for the time or for randomness, or is async. A line
//! that decides belongs here; a line that talks to an outside thing does not.

pub mod actor;
pub mod address;
pub mod backup;
pub mod connection;
pub mod connection_test;
pub mod dead_letter;
pub mod examination;
pub mod failure;
pub mod filter;
pub mod hold;
pub mod hop;
pub mod id;
pub mod job;
pub mod limits;
pub mod object;
pub mod probe;
pub mod problem;
pub mod progress;
pub mod reach;
pub mod retry;
pub mod schedule;
pub mod secret;
pub mod step;
pub mod subject;
pub mod sync;
pub mod target;
pub mod webhook;
pub mod zone;

/// Declares an enum with stable words: the words of the API, the database and the bus.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[$vmeta:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
        pub enum $name { $($(#[$vmeta])* #[serde(rename = $word)] $variant),+ }

        impl $name {
            /// Every value, in the order of declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The stable word that stands for this value everywhere outside.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl $crate::domain::Vocabulary for $name {
            const NOUN: &'static str = stringify!($name);
            const ALL: &'static [Self] = $name::ALL;
            fn word(self) -> &'static str {
                self.as_str()
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::domain::UnknownWord;
            fn from_str(word: &str) -> Result<Self, Self::Err> {
                match word {
                    $($word => Ok(Self::$variant),)+
                    _ => Err($crate::domain::UnknownWord {
                        noun: stringify!($name),
                        word: word.to_owned(),
                    }),
                }
            }
        }
    };
}
pub(crate) use words;

/// An enum with stable words, for code that treats all of them alike.
pub trait Vocabulary: Copy + Sized + 'static {
    /// The enum's name.
    const NOUN: &'static str;
    /// Every value, in the order of declaration.
    const ALL: &'static [Self];
    /// The value's stable word.
    fn word(self) -> &'static str;
}

/// A word that is none of an enum's stable words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{word:?} is not a {noun}")]
pub struct UnknownWord {
    /// The enum that was asked for.
    pub noun: &'static str,
    /// What stood there.
    pub word: String,
}
