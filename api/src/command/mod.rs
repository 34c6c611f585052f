//! What `longshore-api` does apart from serving: the schema and the first token. Both may
//! be called again at any time.

mod admin_token;
mod migrate;

pub use admin_token::admin_token;
pub use migrate::migrate;

/// The organisation that there is before anybody makes one.
const DEFAULT_ORGANISATION: &str = "default";
