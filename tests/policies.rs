//! What a submitter may want beside a run: one at a time, in time, and sooner than others. On real
//! replicas, while those die.

mod expiry;
mod fairness;
mod unique;
