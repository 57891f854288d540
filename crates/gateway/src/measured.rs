//! What benches measure of the inside; nobody else is to use it.

use std::sync::Arc;

use stint_core::Job;

use crate::api::JobView;

/// Jobs as `GET /jobs` writes them.
#[must_use]
pub fn page_in_json(jobs: &[Arc<Job>]) -> Vec<u8> {
    let views: Vec<_> = jobs.iter().map(|job| JobView::of(Arc::clone(job))).collect();
    crate::http::list_of(&views)
}
