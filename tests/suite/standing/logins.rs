//! Logins of an engine's own, without a job.

use std::net::SocketAddr;
use std::time::Duration;

use longshore_shared::domain::connection::Tls;
use longshore_shared::vault::Secret;
use longshore_tests::schema::Schema;
use longshore_worker::engine::Login;

/// A login to the schema's server.
pub(crate) fn login(schema: &Schema, username: &str, password: &str) -> Login {
    Login {
        address: SocketAddr::from(([127, 0, 0, 1], schema.server.port)),
        server_name: "localhost".to_owned(),
        tls: Tls::default(),
        database: schema.name.clone(),
        username: username.to_owned(),
        password: Secret::new(password.to_owned()),
        client_key: None,
        trust_server_key: true,
        timeout: Duration::from_secs(10),
        tag: "longshore test".to_owned(),
        seat: None,
    }
}
