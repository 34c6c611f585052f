//! Reaching a customer's server: tunnels through real SSH servers, what a login finds.

mod certificates;
mod examine;
mod tunnels;
