//! The laws of `workflow` on a real PostgreSQL, without processes and without a broker:
//! random interleavings of everything that workers, scheduler and people do to a job.

mod alone;
mod begins;
mod bench;
mod holders;
mod kinds;
mod laws;
mod limits;
mod owed;
mod races;
mod target;
mod together;
