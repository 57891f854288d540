//! What `stint dev` tells whoever started it.

use std::time::Duration;

use super::plan::Plan;
use super::replica::{End, Replica};
use crate::print;

/// What runs, and what to try next.
pub(super) fn text(plan: &Plan, replicas: &[Replica], leader: &str, took: Duration) -> String {
    let rows = plan.places.iter().zip(replicas).map(|(place, replica)| {
        let role = if replica.id() == leader { "leader" } else { "follower" };
        [
            place.id.clone(),
            role.to_owned(),
            replica.pid(),
            format!("http://{}", place.client_address()),
            place.log.display().to_string(),
        ]
    });
    let table = print::table_of(&["replica", "role", "pid", "clients", "log"], rows);
    let kept =
        if plan.is_kept() { "" } else { ", removed at the end; keep one with --data-dir DIR" };
    let stint = program(plan);
    let url = plan.addresses().into_iter().next().unwrap_or_default();
    let leading = replicas.iter().find(|replica| replica.id() == leader);
    let pid = leading.map_or_else(|| "PID".to_owned(), Replica::pid);
    format!(
        "A cluster of {count} replicas runs, ready after {seconds:.1} s.\n\n{table}\n\n\
         Its data is in {dir}{kept}.\n\n\
         It is open: whoever reaches these ports from this machine may call it, without a token.\n\n\
         Look at it in a browser: http://{url}/\n\n\
         Try, in another terminal:\n\n  \
         # a job by the v0 API; any replica will do\n  \
         curl -s -X POST http://{url}/api/v0/jobs -H 'Content-Type: application/json' \
         -d '{{\"action\":\"scan\",\"capacityMap\":{{\"scan\":1}}}}'\n\n  \
         # a job by the command line, with its output as it comes\n  \
         {stint} job submit count -p N=20 --follow\n\n  \
         # what there is\n  \
         {stint} job list\n  {stint} worker list\n  {stint} cluster status\n\n  \
         # kill the leader: what was accepted is kept, and its jobs run elsewhere\n  \
         kill -9 {pid}\n\n\
         Ctrl-C stops all of it.\n",
        count = plan.count(),
        seconds = took.as_secs_f32(),
        dir = plan.dir().display(),
    )
}

/// How a replica ended, and how it comes back.
pub(super) fn obituary(plan: &Plan, end: &End) -> String {
    let config = plan.places.iter().find(|place| place.id == end.id).map(|place| &place.config);
    let config = config.map(|path| path.display().to_string()).unwrap_or_default();
    format!(
        "Replica {} has ended ({}). Its log ends with:\n{}Start it again, in another terminal, \
         with:\n\n  {} serve --config {config}\n",
        end.id,
        end.status,
        end.log_tail,
        called(),
    )
}

/// This program as it was called, so that the commands can be copied.
fn called() -> String {
    std::env::args().next().unwrap_or_else(|| "stint".to_owned())
}

/// The program with the addresses that it does not find by itself.
fn program(plan: &Plan) -> String {
    if plan.has_default_ports {
        return called();
    }
    format!("{} --address {}", called(), plan.addresses().join(","))
}
