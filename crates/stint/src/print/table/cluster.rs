//! The cluster as a table: each replica by what it says of itself, and otherwise by what the leader
//! says of it.

use stint_client::v0;

use super::{at, new, or_dash, plain, text, worker_status};
use crate::command::cluster::Seen;

/// The replicas, and below them what is wrong, in words.
pub(in crate::print) fn cluster(seen: &Seen) -> String {
    let status = &seen.status;
    let mut table = new(&[
        "id",
        "role",
        "health",
        "lag",
        "version",
        "knows level",
        "disk free",
        "worker",
        "runs",
        "lease until",
        "clients",
        "peers",
    ]);
    let mut wrong = Vec::new();
    for member in &status.members {
        let own = seen.own.get(&member.id);
        let health = own.unwrap_or(status).replica_health.get(&member.id);
        let health = health.map_or("-", String::as_str);
        if health != WELL {
            wrong.push(format!("{}: {}", plain(&member.id), plain(health)));
        }
        let worker = seen.workers.iter().find(|worker| worker.id == member.id);
        table.add_row([
            plain(&member.id),
            role(member).to_owned(),
            if health == WELL { WELL } else { "see below" }.to_owned(),
            member.lag.map_or("-".to_owned(), |lag| lag.to_string()),
            member.version.as_deref().map_or("-".to_owned(), plain),
            member.newest_feature_level.map_or("-".to_owned(), |level| level.to_string()),
            own.and_then(|own| own.disk.as_ref()).map_or("-".to_owned(), free),
            worker.map_or("-".to_owned(), worker_status),
            worker.map_or("-".to_owned(), |worker| worker.running.to_string()),
            worker.map_or("-".to_owned(), |worker| at(worker.heartbeat_expiration.as_ref())),
            plain(&member.client_address),
            plain(&member.peer_address),
        ]);
    }
    let leader = if status.leader.is_empty() { "none" } else { &status.leader };
    wrong.extend(status.cluster_warnings.iter().map(|warning| plain(warning)));
    let wrong: Vec<_> = wrong.iter().map(|line| format!("\n{line}")).collect();
    format!(
        "leader {}, term {}, feature level {}; replica {} answers (version {}): log up to {}, committed {}, \
         applied {}\n\n\
         {}{}{}",
        plain(leader),
        status.term,
        status.feature_level,
        plain(&status.replica),
        plain(&status.version),
        status.last_log_index,
        status.committed_index,
        status.applied_index,
        text(&table),
        if wrong.is_empty() { "" } else { "\n" },
        wrong.concat(),
    )
}

/// How many jobs there are, and what happened lately, a line for each step.
pub(in crate::print) fn statistics(statistics: &v0::GetStatisticsResponse) -> String {
    let mut table =
        new(&["until", "submitted", "ended", "running", "due", "oldest due", "scheduled"]);
    for sample in &statistics.samples {
        let ended = sample.ended.iter().filter(|(_, count)| **count > 0);
        let ended: Vec<_> = ended.map(|(status, n)| format!("{}={n}", plain(status))).collect();
        table.add_row([
            at(sample.at.as_ref()),
            sample.submitted.to_string(),
            or_dash(&ended.join(",")),
            sample.running.to_string(),
            sample.due.to_string(),
            format!("{}.{} s", sample.oldest_due_ms / 1_000, sample.oldest_due_ms / 100 % 10),
            sample.scheduled.to_string(),
        ]);
    }
    let jobs = statistics.jobs.iter().filter(|(_, count)| **count > 0);
    let jobs: Vec<_> = jobs.map(|(status, count)| format!("{count} {}", plain(status))).collect();
    let jobs = match jobs.as_slice() {
        [] if statistics.jobs.is_empty() => "how many jobs there are cannot be told".to_owned(),
        [] => "no jobs".to_owned(),
        some => format!("jobs: {}", some.join(", ")),
    };
    format!(
        "replica {}, in steps of {} s; {jobs}\n\n{}",
        plain(&statistics.replica),
        statistics.interval_seconds,
        text(&table)
    )
}

/// What a replica that is well says.
const WELL: &str = "OK";

const fn role(member: &v0::Member) -> &'static str {
    match (member.is_leader, member.is_voter) {
        (true, _) => "leader",
        (false, true) => "follower",
        (false, false) => "learner",
    }
}

/// How much is left of a disk.
fn free(disk: &v0::Disk) -> String {
    let percent = (disk.free_bytes * 100).checked_div(disk.total_bytes).unwrap_or_default();
    format!("{} GiB ({percent}%)", disk.free_bytes >> 30)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(id: &str, is_leader: bool) -> v0::Member {
        v0::Member { id: id.into(), is_leader, is_voter: true, ..Default::default() }
    }

    #[test]
    fn a_step_of_the_statistics_is_a_line() {
        let sample = v0::Sample {
            submitted: 12,
            ended: [("done".to_owned(), 9), ("error".to_owned(), 1), ("cancel".to_owned(), 0)]
                .into(),
            running: 2,
            oldest_due_ms: 1_250,
            ..Default::default()
        };
        let samples = vec![sample];
        let jobs = [("done", 7), ("error", 0), ("waiting", 2)].map(|(name, n)| (name.into(), n));
        let statistics = v0::GetStatisticsResponse {
            replica: "a".into(),
            interval_seconds: 30,
            samples,
            jobs: jobs.into(),
        };
        let shown = super::statistics(&statistics);
        let head = "replica a, in steps of 30 s; jobs: 7 done, 2 waiting\n\nUNTIL";
        assert!(shown.starts_with(head), "{shown}");
        let line = shown.lines().last().expect("a line");
        assert!(line.contains("12") && line.contains("done=9,error=1 "), "{shown}");
        assert!(line.contains("1.2 s"), "{shown}");
    }

    #[test]
    fn the_leader_is_shown_and_each_replica_by_its_own_words() {
        let [one, two, three] = ["000000000001", "000000000002", "000000000003"];
        let health = |of: &[(&str, &str)]| {
            of.iter().map(|(id, text)| ((*id).to_owned(), (*text).to_owned())).collect()
        };
        let gone = "it has not been heard of lately";
        let status = v0::GetClusterStatusResponse {
            leader: two.into(),
            feature_level: 1,
            members: vec![member(one, false), member(two, true), member(three, false)],
            replica_health: health(&[(one, "OK"), (two, "OK"), (three, gone)]),
            ..Default::default()
        };
        let disk = v0::Disk { free_bytes: 3 << 30, total_bytes: 10 << 30, ..Default::default() };
        let own = v0::GetClusterStatusResponse {
            replica_health: health(&[(one, "the disk is full"), (two, "unknown: ask the leader")]),
            disk: Some(disk),
            ..Default::default()
        };
        let worker = v0::Worker { id: two.into(), status: "running".into(), ..Default::default() };
        let own = [(one.to_owned(), own)].into();
        let shown = cluster(&Seen { status, own, workers: vec![worker] });
        assert!(shown.starts_with("leader 000000000002, term 0, feature level 1"), "{shown}");
        let row = |id: &str| shown.lines().find(|line| line.starts_with(id)).expect("a row");
        assert!(
            row(one).contains("follower  see below") && row(one).contains("3 GiB (30%)"),
            "{shown}"
        );
        assert!(row(two).contains("leader    OK") && row(two).contains("running"), "{shown}");
        assert!(
            shown.ends_with(&format!("\n\n{one}: the disk is full\n{three}: {gone}")),
            "{shown}"
        );
    }
}
