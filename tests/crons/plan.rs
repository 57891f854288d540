//! The crons of the check, and when they are due, by an oracle that is not ours.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use croner::parser::{CronParser, Seconds};
use serde_json::json;

use crate::harness::cluster::Cluster;
use crate::harness::wait_for;

/// A cron before it is put.
pub(crate) struct Cron {
    action: String,
    schedule: String,
    zone: Option<&'static str>,
    missed: &'static str,
    window_ms: u64,
    overlap: &'static str,
    jitter_ms: u64,
    /// How long each of its jobs runs.
    runs_for: u32,
}

/// A cron that the cluster has accepted.
pub(crate) struct Put {
    pub(crate) action: String,
    pub(crate) id: String,
    pub(crate) window_ms: u64,
    /// By how much each tick is put off.
    pub(crate) share_ms: u64,
    pub(crate) first_ms: u64,
    ticks: Ticks,
}

enum Ticks {
    Every(u64),
    Line(Box<croner::Cron>, Tz),
}

/// What time it is outside of the cluster.
pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("a time after 1970");
    u64::try_from(since.as_millis()).expect("a time before the end of all times")
}

/// Fifty, of which no two are alike: about four ticks a second in all.
pub(crate) fn crons() -> Vec<Cron> {
    let zones = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"];
    let schedules: Vec<String> = ["*/2 * * * * *", "1-59/3 * * * * *", "* * * * * *"]
        .map(str::to_owned)
        .into_iter()
        .chain((0..7).map(|n| format!("{n}-59/7 * * * * *")))
        .chain((0..10).map(|n| format!("{n}-59/10 * * * * *")))
        .chain((0..10).map(|n| format!("@every {}s", 7 + 3 * n)))
        .chain((0..8).map(|n| format!("{},{} * * * * *", 3 * n, 3 * n + 30)))
        .chain((0..6).map(|n| format!("{}-{} * * * * *", 10 * n, 10 * n + 1)))
        .chain((0..4).map(|n| format!("{} * * * * *", 11 * n + 5)))
        .chain(["* * * * *".to_owned(), "*/2 * * * *".to_owned()])
        .collect();
    assert_eq!(schedules.len(), 50);
    let of = |(n, schedule): (usize, String)| Cron {
        action: format!("c{n:02}"),
        zone: if schedule.starts_with('@') { None } else { zones.get(n % 7).copied() },
        missed: ["one", "all", "skip"][n % 3],
        window_ms: [10_000, 2_000, 60_000, 0][n / 3 % 4],
        overlap: ["allow", "allow", "skip", "replace"][n % 4],
        jitter_ms: if (10..20).contains(&n) { 3_000 } else { 0 },
        runs_for: if n % 8 == 7 { 12 } else { 0 },
        schedule,
    };
    schedules.into_iter().enumerate().map(of).collect()
}

/// Each run leaves its time in a file of its job's.
pub(crate) fn actions(crons: &[Cron], out: &Path) -> String {
    let mut text = String::new();
    for cron in crons {
        let (action, out, time) = (&cron.action, out.display(), cron.runs_for);
        let trace = format!("date +%s%3N >> {out}/$STINT_ACTION.$STINT_JOB_ID; sleep {time}");
        writeln!(
            text,
            "[actions.{action}]\ncommand = [\"/bin/sh\", \"-c\", \"{trace}\"]\n\
             stop_timeout = \"1s\"\n"
        )
        .expect("a string takes all");
    }
    text
}

impl Cron {
    /// Puts it, and finds out from the answer where its ticks begin.
    pub(crate) fn put(self, cluster: &Cluster) -> Put {
        let body = json!({
            "action": self.action, "schedule": self.schedule,
            "timeZone": self.zone, "missed": self.missed, "overlap": self.overlap,
            "missedWindow": format!("{}ms", self.window_ms),
            "jitter": if self.jitter_ms > 0 { format!("{}ms", self.jitter_ms) } else { String::new() },
        });
        let answer = wait_for("a cron to be put", || {
            let answer = cluster.post(0, "/api/v0/crons", &body.to_string())?;
            if answer.status == 202 { Ok(answer.json()) } else { Err(format!("{answer:?}")) }
        });
        let next_run = answer["nextRun"].as_str().expect("it has a next run");
        let next_ms = ms_of(next_run);
        let (ticks, first_ms) = self.ticks(next_ms);
        let share_ms = next_ms - first_ms;
        assert!(share_ms <= self.jitter_ms, "{}: {next_run} is put off too far", self.schedule);
        let id = answer["id"].as_str().expect("an id").to_owned();
        let (action, window_ms) = (self.action, self.window_ms);
        Put { action, id, window_ms, share_ms, first_ms, ticks }
    }
}

impl Cron {
    /// Its ticks, and the one that comes first where the first job is due then.
    fn ticks(&self, next_ms: u64) -> (Ticks, u64) {
        if let Some(every) = self.schedule.strip_prefix("@every ") {
            let seconds: u64 = every.trim_end_matches('s').parse().expect("seconds");
            return (Ticks::Every(seconds * 1_000), next_ms);
        }
        let parser = CronParser::builder().seconds(Seconds::Optional).build();
        let cron = parser.parse(&self.schedule).expect("croner knows it, too");
        let zone = self.zone.unwrap_or("UTC").parse().expect("a time zone");
        // The last tick that can be put off to this one.
        let mut tick = next_of(&cron, zone, next_ms - self.jitter_ms - 1);
        loop {
            let later = next_of(&cron, zone, tick);
            if later > next_ms {
                return (Ticks::Line(Box::new(cron), zone), tick);
            }
            tick = later;
        }
    }
}

impl Put {
    /// All ticks that were due by `end_ms`.
    pub(crate) fn due(&self, end_ms: u64) -> BTreeSet<u64> {
        let after = |tick: &u64| Some(self.after(*tick));
        let all = std::iter::successors(Some(self.first_ms), after);
        all.take_while(|tick| tick + self.share_ms <= end_ms).collect()
    }

    /// The tick after this one.
    pub(crate) fn after(&self, tick_ms: u64) -> u64 {
        match &self.ticks {
            Ticks::Every(ms) => tick_ms + ms,
            Ticks::Line(cron, zone) => next_of(cron, *zone, tick_ms),
        }
    }
}

fn next_of(cron: &croner::Cron, zone: Tz, after_ms: u64) -> u64 {
    let after = i64::try_from(after_ms).ok().and_then(DateTime::<Utc>::from_timestamp_millis);
    let after = after.expect("a time").with_timezone(&zone);
    let next = cron.find_next_occurrence(&after, false).expect("it goes on for ever");
    u64::try_from(next.timestamp_millis()).expect("after 1970")
}

/// A time of the API.
pub(crate) fn ms_of(text: &str) -> u64 {
    let at: DateTime<Utc> = text.parse().expect("RFC 3339");
    u64::try_from(at.timestamp_millis()).expect("after 1970")
}
