//! A replica whose disk has failed, while its doors are still open.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use stint_gateway::Config;
use stint_storage::{Disk, Tap};

use crate::harness::{House, until};

/// A disk that accepts nothing any more once it is broken.
#[derive(Debug, Default, Clone)]
struct Breakable(Arc<AtomicBool>);

impl Breakable {
    fn check(&self) -> io::Result<()> {
        if self.0.load(Ordering::Acquire) {
            return Err(io::Error::other("the disk is broken"));
        }
        Ok(())
    }
}

impl Tap for Breakable {
    fn write(&self, _offset: u64, _data: &[u8]) -> io::Result<()> {
        self.check()
    }

    fn set_len(&self, _len: u64) -> io::Result<()> {
        self.check()
    }

    fn sync(&self) -> io::Result<()> {
        self.check()
    }

    fn of(&self, _path: &Path) -> Option<Arc<dyn Tap>> {
        None
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_whose_disk_fails_is_not_ready_says_why_and_answers_no_read() {
    let breakable = Breakable::default();
    let disk = Disk { tap: Some(Arc::new(breakable.clone())), ..Disk::default() };
    let config = Config { is_open: true, ..Config::default() };
    let house = House::open_on(config, None, &disk).await;
    until("the replica to be ready", async || house.get("/readyz").await.status == 200).await;
    assert_eq!(house.get("/api/v0/crons").await.status, 200);
    breakable.0.store(true, Ordering::Release);
    // What is written next meets it; what is told of that is a matter of when it is met.
    let settings = r#"{"jobHistoryToKeep":7}"#;
    let refused = house.post("/api/v0/meta/settings", settings).await;
    assert!(refused.status >= 500, "{refused:?}");
    until("the replica to say that it has failed", async || {
        let said = house.get("/readyz").await;
        said.status == 503
            && said.body.starts_with("this replica has failed: ")
            && said.body.contains("log.redb")
    })
    .await;
    let read = house.get("/api/v0/crons").await;
    assert_eq!(read.status, 500, "{read:?}");
    assert!(read.body.contains("this replica has failed"), "{read:?}");
    assert_eq!(house.get("/healthz").await.status, 200, "it lives until it stops");
}
