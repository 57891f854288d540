//! How far one page goes.

use std::collections::BTreeMap;

use stint_core::WorkerId;
use stint_storage::{Identity, Record, Store};
use tempfile::TempDir;

use super::*;
use crate::codec::{encode_job, samples};

/// A history of so many jobs, of which one in `rare` has the text that is looked for.
fn history(count: u64, rare: u64) -> (TempDir, Store) {
    let dir = TempDir::new().expect("a directory");
    let replica = WorkerId::new(1).expect("an id").get();
    let store = Store::open(dir.path(), Identity { replica, cluster: [1; 16] }).expect("a store");
    let record = |number: u64| {
        let mut job = samples::job();
        job.id = JobId::from_bytes(u128::from(number).to_be_bytes());
        job.scheduled_at = Timestamp::from_ms(number / 3);
        let what = if number.is_multiple_of(rare) { "needle" } else { "hay" };
        job.spec.parameters = Some(BTreeMap::from([("IN".to_owned(), what.to_owned())]));
        Record {
            id: job.id.to_bytes(),
            scheduled_at: job.scheduled_at.as_ms(),
            action: job.spec.action.clone(),
            worker: None,
            ended_at: number,
            output: None,
            listed: true,
            body: encode_job(&job),
        }
    };
    let numbers: Vec<_> = (0..count).collect();
    for some in numbers.chunks(5_000) {
        let records: Vec<_> = some.iter().map(|number| record(*number)).collect();
        store.state.put_records(&records).expect("room");
    }
    (dir, store)
}

#[test]
fn a_page_looks_into_so_many_records_and_says_where_the_list_goes_on() {
    let count = 4_500;
    let rare = count / 3;
    let (_dir, store) = history(count, rare);
    let filter = Filter { text: Some("needle".to_owned()), ..Filter::default() };
    // The first that matches is left out, by whichever page has it.
    let mut list = List { filter, from: Place { after: None, skip: 1 }, limit: 100 };
    let (mut found, mut pages) = (Vec::new(), 0);
    loop {
        let (page, rest) = read(&store.state, &list, Scan::default()).expect("a page");
        pages += 1;
        found.extend(page.into_iter().map(|found| match found {
            Found::Over(id) => u128::from_be_bytes(id),
            Found::Live(job) => panic!("{} is over", job.id),
        }));
        let Some(rest) = rest else { break };
        list.from = rest;
    }
    let all = (0..count).rev().filter(|number| number.is_multiple_of(rare)).skip(1);
    assert_eq!(found, all.map(u128::from).collect::<Vec<_>>());
    let looked_into = usize::try_from(count).expect("few");
    assert!(pages >= looked_into / LIST_RECORDS_MAX, "{pages} pages");
}
