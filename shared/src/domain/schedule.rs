//! placeholder, written by the scheduler's author
