//! What the bounds of the core promise: each holds exactly, whatever is sent ends in a refusal,
//! and a checkpoint that was taken in the middle of things goes on as the state would have.

mod bounds {
    mod abuse;
    mod checkpoint;
    mod cluster;
    mod configuration;
    mod family;
    mod limits;
    mod policies;
    mod room;
    mod tokens;
}
