//! Reaching a customer's server: connections as they are given, judged, edited and dialled.

mod bad_input;
mod bad_jobs;
mod edits;
mod examine;
mod tunnels;
