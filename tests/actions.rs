//! Actions: what they declare, what a job has that says less, and SIGHUP.

mod declared;
mod reload;
mod webhook;
