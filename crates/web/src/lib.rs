//! The page of a replica: its frame, its modules, its style sheet, as they are served to browsers.
//!
//! It knows no cluster and no protocol. The gateway serves [`Asset`]s as they are, and puts into
//! [`Frame`] who has signed in and what that user may do; all else the modules fetch themselves, from
//! the same API that everybody has. So there is one place that says how a job looks, and no second API.
//!
//! Start at [`Page`], the table of pages; then `assets/frame.js`, which every page loads.
#![deny(missing_docs)]

mod asset;
mod frame;
mod page;

pub use asset::{Asset, VERSION};
pub use frame::{Frame, Login, Notice};
pub use page::Page;
