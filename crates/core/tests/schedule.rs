//! What a schedule means: its dialect, what happens when the clock is set, what is refused, and
//! a comparison with another cron library over random schedules, zones and instants.

#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "the tests take their seeds from the environment, their time, and all processors"
)]

mod schedule {
    mod clock_set;
    mod dialect;
    mod dice;
    mod differential;
    mod line;
    mod oracle;
    mod refused;
    mod times;
    mod wall;
}
