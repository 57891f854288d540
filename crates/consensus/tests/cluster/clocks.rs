//! Time in the log never goes back, though clocks do.

use std::time::Duration;

use stint_consensus::Keep;
use stint_core::{Command, CronId, CronPolicy, JobSpec, NewCron, Span, State, Timestamp};

use crate::harness::{Cluster, timing, until};
use crate::puppet::{LONG, Puppet, propose, submit};

const HOUR: Duration = Duration::from_hours(1);
const HALF_AN_HOUR: Span = Span::from_ms(1_800_000);

fn cron(anchor: Timestamp) -> NewCron {
    let spec = JobSpec {
        action: "say".to_owned(),
        parameters: None,
        capacity_map: None,
        deadline: None,
        stop_timeout: None,
    };
    NewCron {
        id: CronId::from_bytes([9; 16]),
        spec,
        retries: 0,
        schedule: "@every 30m".to_owned(),
        time_zone: None,
        policy: CronPolicy::default(),
        anchor,
        next_run: anchor.plus(HALF_AN_HOUR),
        undecided: None,
    }
}

/// It waited until the clocks were there again, though the log said that it was due: seeds 15 and 40 of the
/// simulation, whose clocks all jumped, and back before all ticks were caught up with.
#[tokio::test(flavor = "multi_thread")]
async fn a_tick_that_the_log_has_reached_comes_though_all_clocks_went_back() {
    let cluster = Cluster::start(timing(), Keep::default()).await;
    let replica = cluster.replica(cluster.leader().await);
    Puppet::register(replica, LONG).await;
    submit(replica).await;
    let before = replica.with_state(State::now);
    cluster.set_clocks_ahead(HOUR);
    until("an hour to pass in the log", async || {
        submit(replica).await;
        replica.with_state(State::now) > before.plus(HALF_AN_HOUR)
    })
    .await;
    cluster.set_clocks_ahead(Duration::ZERO);
    let cron = cron(before);
    let due = cron.next_run;
    propose(replica, Command::PutCron(Box::new(cron))).await;
    until("the tick", async || {
        let next = replica.with_state(|state| state.cron("say").and_then(|cron| cron.next_run));
        next.is_some_and(|next| next > due)
    })
    .await;
}
