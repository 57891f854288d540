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
    let all: Vec<_> = (0..count).filter(|number| number.is_multiple_of(rare)).collect();
    for order in [Order::NewestFirst, Order::OldestFirst] {
        let (found, pages) = walked(&store.state, filter.clone(), order);
        let mut all: Vec<_> = all.iter().copied().map(u128::from).collect();
        if order == Order::NewestFirst {
            all.reverse();
        }
        assert_eq!(found, all[1..]);
        let looked_into = usize::try_from(count).expect("few");
        assert!(pages >= looked_into / LIST_RECORDS_MAX, "{pages} pages");
    }
}

#[test]
fn either_order_has_what_is_within_the_times_and_no_more() {
    let (_dir, store) = history(300, 1);
    for (since, until) in [(None, None), (Some(10), None), (None, Some(50)), (Some(33), Some(33))] {
        let [since, until] = [since, until].map(|ms: Option<u64>| ms.map(Timestamp::from_ms));
        let filter = Filter { since, until, ..Filter::default() };
        let fits = |number: &u64| {
            let at = Timestamp::from_ms(number / 3);
            since.is_none_or(|since| since <= at) && until.is_none_or(|until| at <= until)
        };
        // The first is left out.
        let all: Vec<_> = (0..300_u64).filter(fits).map(u128::from).collect();
        let (oldest_first, _) = walked(&store.state, filter.clone(), Order::OldestFirst);
        assert_eq!(oldest_first, all[1..], "{filter:?}");
        let (newest_first, _) = walked(&store.state, filter.clone(), Order::NewestFirst);
        let reversed: Vec<_> = all.iter().rev().skip(1).copied().collect();
        assert_eq!(newest_first, reversed, "{filter:?}");
    }
}

/// All that a list has but the first that matches, which is left out by whichever page has it; and in
/// how many pages.
fn walked(state: &StateStore, filter: Filter, order: Order) -> (Vec<u128>, usize) {
    let mut list = List { filter, order, from: Place { after: None, skip: 1 }, limit: 100 };
    let (mut found, mut pages) = (Vec::new(), 0);
    loop {
        let (page, rest) = read(state, &list, Scan::default()).expect("a page");
        pages += 1;
        found.extend(page.into_iter().map(|found| match found {
            Found::Over(id) => u128::from_be_bytes(id),
            Found::Live(job) => panic!("{} is over", job.id),
        }));
        let Some(rest) = rest else { return (found, pages) };
        list.from = rest;
    }
}
