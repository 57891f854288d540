//! One seed: three replicas, a fourth that may join, their clients and an operator, a time in which
//! things go wrong, and one in which all is mended and has to come to rest.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::time::Duration;

use nix::sys::time::TimeSpec;
use nix::time::{ClockId, clock_settime};
use stint_consensus::Keep;
use stint_core::WorkerId;
use tempfile::TempDir;
use turmoil::Sim;

use crate::dice::Dice;
use crate::disk::Medium;
use crate::faults::{Hand, LATENCY_MS};
use crate::operator::{Changes, Operator};
use crate::replica::{Host, Invitation, member};
use crate::trace::Trace;
use crate::{client, verdict};

/// The last one is no founder.
const HOSTS: [&str; 4] = ["one", "two", "three", "four"];
const FOUNDERS: usize = 3;
const CLIENT_NAMES: [&str; 2] = ["alice", "bob"];
/// When every simulation begins; a multiple of the periods of all crons.
pub(crate) const EPOCH_MS: u64 = 1_800_000_000_000;

/// How long things may go wrong.
const SAFETY: Duration = Duration::from_secs(30);
/// How long it may take until all is at rest after that: leases have to end, backoffs to pass.
const LIVENESS: Duration = Duration::from_secs(90);

/// A log that is cut soon.
const SHORT: Keep =
    Keep { checkpoint_entries: 60, checkpoint_bytes: 1 << 20, entries: 20, bytes: 1 << 20 };

/// What is simulated.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) has_faults: bool,
    pub(crate) is_told: bool,
}

/// Simulates it. What must not happen is in the trace.
pub(crate) fn run(plan: Plan) -> Result<Trace, Box<dyn std::error::Error>> {
    let dir = match std::env::var_os("STINT_SIM_DIR") {
        Some(dir) => TempDir::new_in(dir)?,
        None => TempDir::new()?,
    };
    let trace = Trace::default();
    {
        let mut seen = trace.seen();
        (seen.seed, seen.is_told) = (plan.seed, plan.is_told);
    }
    let mut sim = turmoil::Builder::new()
        .simulation_duration(SAFETY + LIVENESS + Duration::from_mins(1))
        .min_message_latency(Duration::from_micros(200))
        .max_message_latency(Duration::from_millis(LATENCY_MS))
        .tcp_capacity(1 << 16)
        .rng_seed(plan.seed)
        .enable_tokio_io()
        .build();
    set_clock(Duration::ZERO)?;
    let mut dice = Dice::new(plan.seed, 2);
    let changes = if plan.has_faults { Changes::draw(&mut dice) } else { Changes::default() };
    // In half of the seeds the log is cut so soon that whoever was away needs a snapshot.
    let keep = if dice.one_in(2) { SHORT } else { Keep::default() };
    let invitation = Invitation::default();
    let mut hosts = hosts(plan, &dir, &trace, keep);
    for host in hosts.iter_mut().skip(FOUNDERS) {
        host.invitation = Some(Arc::clone(&invitation));
    }
    for host in &hosts {
        let life = host.clone();
        sim.host(host.name.as_str(), move || life.clone().live());
    }
    {
        let mut seen = trace.seen();
        seen.members = HOSTS.iter().take(FOUNDERS).map(|name| (*name).to_owned()).collect();
        seen.is_changing = true;
    }
    let size = if changes.joins_at.is_some() { HOSTS.len() } else { FOUNDERS };
    hosts.truncate(size);
    set_to_work(plan, &mut sim, &hosts, &trace, (changes, invitation));
    let mut hand = Hand::new(
        Dice::new(plan.seed, 1),
        hosts,
        CLIENT_NAMES.iter().chain(&["operator"]).map(|name| (*name).to_owned()).collect(),
        trace.clone(),
    );
    step_through(plan, &mut sim, &mut hand, &trace)?;
    drop(sim);
    verdict::judge(&trace);
    Ok(trace)
}

/// Clients, an operator, and the auditor.
fn set_to_work(
    plan: Plan,
    sim: &mut Sim<'_>,
    hosts: &[Host],
    trace: &Trace,
    (changes, invitation): (Changes, Invitation),
) {
    let names: Vec<String> = hosts.iter().map(|host| host.name.clone()).collect();
    for (number, name) in (100..).zip(CLIENT_NAMES) {
        let client = client::Client {
            name: name.to_owned(),
            hosts: names.clone(),
            dice: Dice::new(plan.seed, number),
            trace: trace.clone(),
            jobs: Vec::new(),
        };
        sim.client(name, async move {
            client.work(SAFETY).await;
            Ok(())
        });
    }
    let operator = Operator {
        hosts: hosts.iter().map(|host| (host.name.clone(), host.id)).collect(),
        dice: Dice::new(plan.seed, 3),
        trace: trace.clone(),
        changes,
        invitation,
        is_waiting: false,
        draining: Vec::new(),
    };
    sim.client("operator", async move {
        operator.work(SAFETY).await;
        Ok(())
    });
    sim.client("auditor", verdict::audit(trace.clone()));
}

fn step_through(
    plan: Plan,
    sim: &mut Sim<'_>,
    hand: &mut Hand,
    trace: &Trace,
) -> Result<(), Box<dyn std::error::Error>> {
    let mut is_healed = false;
    loop {
        let now = sim.elapsed();
        set_clock(now)?;
        if now < SAFETY {
            if plan.has_faults {
                hand.act(sim, now)?;
            }
        } else if !is_healed {
            is_healed = true;
            hand.mend_all(sim, now)?;
            trace.say(now, "PLAN", "all is mended");
            let mut seen = trace.seen();
            seen.rest_from = seen.entries.last_key_value().map(|(index, _)| *index);
        } else if now > SAFETY + LIVENESS && !trace.seen().is_at_rest() {
            let seen = trace.seen();
            let left = (seen.members.clone(), seen.latest.clone(), seen.is_changing);
            drop(seen);
            trace.violation(format!("it does not come to rest: {left:?}"));
            return Ok(());
        }
        if sim.step()? {
            return Ok(());
        }
    }
}

fn hosts(plan: Plan, dir: &TempDir, trace: &Trace, keep: Keep) -> Vec<Host> {
    let ids = (1..).filter_map(WorkerId::new);
    let founders: BTreeMap<_, _> =
        ids.clone().zip(HOSTS).take(FOUNDERS).map(|(id, name)| (id, member(name))).collect();
    let all = ids.zip(HOSTS).zip(0..);
    let all = all.map(|((id, name), number)| Host {
        name: name.to_owned(),
        id,
        medium: Medium::new(&dir.path().join(name), Dice::new(plan.seed, 10 + number)),
        skew_ms: Arc::new(AtomicI64::new(0)),
        founders: founders.clone(),
        trace: trace.clone(),
        keep,
        last: Arc::default(),
        has_failed: Arc::default(),
        invitation: None,
    });
    all.collect()
}

/// Sets the clock that everything in this process takes for the time.
fn set_clock(elapsed: Duration) -> io::Result<()> {
    let nanoseconds = i64::from(elapsed.subsec_nanos());
    let seconds = i64::try_from(EPOCH_MS / 1_000 + elapsed.as_secs()).unwrap_or(0);
    Ok(clock_settime(ClockId::CLOCK_REALTIME, TimeSpec::new(seconds, nanoseconds))?)
}
