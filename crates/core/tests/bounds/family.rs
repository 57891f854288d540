//! How large a family may be, and that one entry ends all of it.

use stint_core::{Command, Event, Job, NewJob, Parent, Refusal, Status, limits};

use super::cluster::{Cluster, exit, job, new_job};

fn number(n: usize) -> u64 {
    u64::try_from(n).expect("a small number")
}

fn child(n: u64, parent: &Job) -> NewJob {
    let parent = Parent { job: parent.id, lease: parent.lease().expect("it runs") };
    NewJob { parent: Some(parent), ..new_job(n) }
}

#[test]
fn a_line_of_descent_has_so_many_generations_and_no_more() {
    let mut cluster = Cluster::with_worker(&[]);
    cluster.submit(new_job(0));
    let mut last = cluster.claim(1).remove(0);
    for n in 1..=limits::GENERATIONS_MAX {
        cluster.submit(child(number(n), &last));
        last = cluster.claim(1).remove(0);
    }
    let one_more = child(number(limits::GENERATIONS_MAX + 1), &last);
    cluster.refused_over("ancestors", Command::Submit(one_more));
    assert_eq!(cluster.state.ancestors(last.id).count(), limits::GENERATIONS_MAX);
    cluster.check();
}

#[test]
fn a_family_has_so_many_live_jobs_and_one_cancel_ends_them_all() {
    let mut cluster = Cluster::with_worker(&[]);
    cluster.submit(new_job(0));
    let root = cluster.claim(1).remove(0);
    cluster.submit(child(1, &root));
    let middle = cluster.claim(1).remove(0);
    // Half of them are children, the others grandchildren: it is the family that is bounded.
    for n in 2..=limits::DESCENDANTS_MAX {
        let parent = if n % 2 == 0 { &root } else { &middle };
        cluster.submit(child(number(n), parent));
    }
    let one_more = || child(number(limits::DESCENDANTS_MAX + 1), &middle);
    let refusal = Refusal::TooManyChildren { root: root.id, limit: limits::DESCENDANTS_MAX };
    assert_eq!(cluster.apply(Command::Submit(one_more())).reply, Err(refusal));
    cluster.ok(Command::Cancel { job: job(2) });
    cluster.submit(one_more());
    cluster.finish(&middle, exit(0));
    let (_, events) = cluster.ok(Command::Cancel { job: root.id });
    let canceled =
        |event: &&Event| matches!(event, Event::Ended(job) if job.status == Status::Cancel);
    assert_eq!(events.iter().filter(canceled).count(), limits::DESCENDANTS_MAX);
    assert_eq!(cluster.state.jobs().len(), 1, "the root has a process that has not ended");
    cluster.check();
}
