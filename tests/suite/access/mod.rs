//! Reaching a customer's server: tunnels through real SSH servers.

mod edits;
mod tunnels;
