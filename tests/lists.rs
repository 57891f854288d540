//! Lists by what jobs have, and what is done to all that a list would show.

mod bulk;
mod filters;
mod queues;
