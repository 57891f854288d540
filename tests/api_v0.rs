//! The v0 API as old scripts speak it: literal requests, literal answers.

mod jobs;
mod logs;
mod troubleshooting;
mod workers;
