//! Reaching a customer's server: connections as they are given, judged, tested, edited and dialled.

mod asking;
mod bad_input;
mod bad_jobs;
mod canaries;
mod certificates;
mod checks;
mod client_certificates;
mod connection_tests;
mod edits;
mod examine;
mod hop_passwords;
mod host_keys;
mod hostile;
mod kept_ways;
mod leases;
mod leftovers;
mod policy;
mod protected;
mod secured;
mod server_keys;
mod tunnels;
mod words;

use longshore_tests::stack::Stack;
use serde_json::Value;

/// Registers a connection; answers its id.
async fn register(stack: &Stack, body: &Value) -> String {
    stack.client.post("/v1/connections", body).await.expect(201).id()
}
