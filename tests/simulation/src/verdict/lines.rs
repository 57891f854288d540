//! Lines without gap nor change: in the log they are numbered from 0, those of each run are in its
//! order, from its first, and every member shows in the end what the log has.

use std::collections::BTreeMap;

use stint_core::{Event, JobId};

use crate::trace::Seen;

pub(super) fn check(seen: &Seen) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut all: BTreeMap<JobId, Vec<&str>> = BTreeMap::new();
    for (index, _, event) in seen.events() {
        let Event::LinesAppended { job, first, lines } = event else { continue };
        let there = all.entry(job.id).or_default();
        let count = u64::try_from(there.len()).unwrap_or(u64::MAX);
        if *first != count {
            wrong.push(format!("entry {index}: job {} has {count} lines, then {first}", job.id));
        }
        there.extend(lines.iter().map(|line| line.text.as_str()));
        if job.line_count != u64::try_from(there.len()).unwrap_or(u64::MAX) {
            wrong.push(format!("entry {index}: job {} counts {}", job.id, job.line_count));
        }
    }
    for (job, lines) in &all {
        let mut next: BTreeMap<&str, u64> = BTreeMap::new();
        for line in lines {
            let Some((lease, number)) = line.split_once(' ') else {
                wrong.push(format!("job {job} has a line {line:?}"));
                continue;
            };
            let due = next.entry(lease).or_default();
            if number.parse() != Ok(*due) {
                wrong.push(format!("job {job} has {line:?} where {due} of its run was due"));
            }
            *due += 1;
        }
    }
    let none = Vec::new();
    for end in &seen.finals {
        if end.status.as_deref().is_none_or(|status| status == "deleted") {
            continue;
        }
        let expected = (0..).zip(all.get(&end.job).unwrap_or(&none).iter().copied());
        if !expected.eq(end.lines.iter().map(|(number, line)| (*number, line.as_str()))) {
            wrong.push(format!("{} has other lines of job {}: {:?}", end.host, end.job, end.lines));
        }
    }
    wrong
}
