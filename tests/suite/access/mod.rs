//! Reaching a customer's server: tunnels through real SSH servers.

mod bad_input;
mod bad_jobs;
mod edits;
mod tunnels;
