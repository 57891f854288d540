//! Who is a member of a cluster changes while it works.

mod invitations;
mod load;
mod replaced;
mod resized;
pub(crate) mod snapshot;
mod transferred;
