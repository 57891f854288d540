//! From what the state answers and tells to the lines of a story.

use std::collections::BTreeMap;

use stint_core::{
    ActionConfig, AttemptEnd, CapacityMap, Children, Cron, Draining, Event, Fate, Job, JobId,
    Outcome, Parameters, Refusal, Reply, Settings, State, TickRecord, Timestamp, Token, Worker,
};

/// The names that a story has for jobs.
#[derive(Default)]
pub(crate) struct Names {
    by_id: BTreeMap<JobId, String>,
}

impl Names {
    /// The id of the job that the story calls so; a new one if it has not been named yet.
    pub(crate) fn id(&mut self, name: &str) -> JobId {
        if let Some((id, _)) = self.by_id.iter().find(|(_, known)| *known == name) {
            return *id;
        }
        let number = u128::try_from(self.by_id.len()).unwrap_or(u128::MAX) + 1;
        let id = JobId::from_bytes(number.to_be_bytes());
        self.by_id.insert(id, name.to_owned());
        id
    }

    fn of(&self, id: JobId) -> &str {
        self.by_id.get(&id).map_or("a job without a name", String::as_str)
    }

    /// An instant of a story, which begins at 0s.
    pub(crate) fn time(at: Timestamp) -> String {
        let (seconds, ms) = (at.as_ms() / 1_000, at.as_ms() % 1_000);
        if ms == 0 { format!("{seconds}s") } else { format!("{seconds}.{ms:03}s") }
    }

    /// A reply or a refusal, and the events below it.
    pub(crate) fn outcome(&mut self, outcome: &Outcome) -> String {
        for event in &outcome.events {
            if let Event::Submitted(job) = event
                && job.retry_from == job.id
                && let Some(tick) = job.cron.and_then(|link| link.tick)
            {
                let name = format!("{}@{}", job.spec.action, Self::time(tick));
                self.by_id.insert(job.id, name);
            }
            if let Event::Submitted(job) = event
                && job.retry_from != job.id
                && !self.by_id.contains_key(&job.id)
            {
                let name = format!("{}'", self.of(job.retry_from));
                self.by_id.insert(job.id, name);
            }
        }
        let mut text = match &outcome.reply {
            Ok(reply) => self.reply(reply),
            Err(refusal) => self.refusal(refusal),
        };
        text.push('\n');
        for event in &outcome.events {
            text.push_str("  ");
            text.push_str(&self.event(event));
            text.push('\n');
        }
        text
    }

    fn reply(&self, reply: &Reply) -> String {
        match reply {
            Reply::Ok => "ok".to_owned(),
            Reply::Submitted(job) => format!("ok: {} is {}", self.of(job.id), job.status),
            Reply::SubmittedBefore(id) => {
                format!("ok: {} was submitted before, and is over", self.of(*id))
            }
            Reply::Registered { epoch } => format!("ok: epoch {epoch}"),
            Reply::Claimed { count } => format!("ok: {count} claimed"),
            Reply::LinesAppended { line_count } => format!("ok: {line_count} lines"),
            Reply::Bulk(answers) => {
                let said = |answer: &Result<JobId, Refusal>| match answer {
                    Ok(job) => self.of(*job).to_owned(),
                    Err(refusal) => self.refusal(refusal),
                };
                answers.iter().map(said).collect::<Vec<_>>().join(", ")
            }
            Reply::Finished(answers) => {
                let said = |answer: &Result<(), Refusal>| match answer {
                    Ok(()) => "ok".to_owned(),
                    Err(refusal) => self.refusal(refusal),
                };
                answers.iter().map(said).collect::<Vec<_>>().join(", ")
            }
        }
    }

    /// A refusal in its own words, with the story's names for the ids.
    fn refusal(&self, refusal: &Refusal) -> String {
        self.named(&format!("refused: {refusal}"))
    }

    fn named(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (id, name) in &self.by_id {
            text = text.replace(&id.to_string(), name);
        }
        text
    }

    fn event(&self, event: &Event) -> String {
        match event {
            Event::Submitted(job) if job.retry_from != job.id => {
                let (name, from) = (self.of(job.id), self.of(job.retry_from));
                let (left, at) = (job.retries_left, Self::time(job.scheduled_at));
                format!("submitted {name} to retry {from}, {left} left, scheduled at {at}")
            }
            Event::Submitted(job) => {
                format!(
                    "submitted {}, scheduled at {}",
                    self.of(job.id),
                    Self::time(job.scheduled_at)
                )
            }
            Event::Due(job) => format!("due {}", self.of(job.id)),
            Event::Claimed(job) => format!("claimed {}", self.job(job)),
            Event::CancelRequested(job) => format!("cancel requested {}", self.job(job)),
            Event::WorkerLost(job) => format!("worker lost {}", self.job(job)),
            Event::WorkerReturned(job) => format!("worker returned {}", self.job(job)),
            Event::Resurrected(job) => format!("resurrected {}", self.job(job)),
            Event::AwaitsChildren(job) => format!("awaits children {}", self.job(job)),
            Event::Ended(job) => format!("ended {}", self.job(job)),
            Event::Deleted(id) => format!("deleted {}", self.of(*id)),
            Event::Compacted(ids) => {
                let names: Vec<_> = ids.iter().map(|id| self.of(*id)).collect();
                format!("compacted {}", names.join(", "))
            }
            Event::Retried { job, by } => format!("retried {} by {}", self.of(*job), self.of(*by)),
            Event::QueuePaused(action) => format!("paused {action}"),
            Event::QueueResumed(action) => format!("resumed {action}"),
            Event::LinesAppended { job, first, lines } => {
                let texts: Vec<_> = lines.iter().map(|line| line.text.as_str()).collect();
                format!("lines of {} from {first}: {}", self.of(job.id), texts.join(", "))
            }
            Event::WorkerChanged(worker) => format!("worker {}", described(worker)),
            Event::CronChanged(cron) => format!("cron {}", scheduled(cron)),
            Event::CronDeleted(cron) => format!("deleted cron {}", scheduled(cron)),
            Event::CronTicked(ticked) => {
                let TickRecord { first, last, count, fate, .. } = ticked.record;
                let (first, last) = (Self::time(first), Self::time(last));
                let ticks = if count == 1 { first } else { format!("{first} to {last}") };
                let (action, generation) = (&ticked.action, ticked.generation);
                let fate = match fate {
                    Fate::Fired(job) => format!("became {}", self.of(job)),
                    Fate::Skipped(skip) => {
                        format!("skipped {count}, {}", self.named(&skip.to_string()))
                    }
                };
                format!("tick {ticks} of {action} {generation}: {fate}")
            }
            Event::ActionConfigChanged(config) => format!("config {}", configured(config)),
            Event::ActionConfigDeleted(config) => format!("deleted config {}", configured(config)),
            Event::SettingsChanged(settings) => format!("settings {}", set(settings)),
            Event::TokenCreated(token) => format!("token {}", given(token)),
            Event::TokenRevoked(token) => format!("revoked token {}", given(token)),
        }
    }

    fn job(&self, job: &Job) -> String {
        let expired = if job.is_expired { ", expired" } else { "" };
        let text = format!("{}: {}{expired}", self.of(job.id), job.status);
        let Some(run) = job.attempts.last() else { return text };
        let (number, lease, worker) = (run.number, run.lease, run.worker);
        let end = run.end.as_ref().map_or("runs".to_owned(), |(at, end)| {
            format!("{} at {}", end_of_run(end), Self::time(*at))
        });
        let deaths = match job.reclaims {
            0 => String::new(),
            deaths => format!(", deaths {deaths}"),
        };
        let children = match job.children {
            Children { total: 0, .. } => String::new(),
            Children { total, left, failed } => {
                format!(", {left} of {total} children left, {failed} failed")
            }
        };
        let token = if job.token.is_some() { ", with a token" } else { "" };
        format!(
            "{text}, attempt {number} on {worker} under lease {lease} {end}{deaths}{children}{token}"
        )
    }

    /// All live jobs by name, what is set, and all workers.
    pub(crate) fn state(&self, state: &State) -> String {
        let jobs = state.jobs().map(|job| format!("{}\n", self.job(job)));
        let mut lines: Vec<_> = jobs.collect();
        lines.sort();
        lines.extend(state.crons().map(|cron| format!("cron {}\n", scheduled(cron))));
        let configs = state.action_configs();
        lines.extend(configs.map(|config| format!("config {}\n", configured(config))));
        if *state.settings() != Settings::default() {
            lines.push(format!("settings {}\n", set(state.settings())));
        }
        for queue in state.queues() {
            if let Some(pause) = queue.pause {
                let (action, due) = (queue.action, queue.due);
                let by =
                    if pause.by.is_empty() { String::new() } else { format!(" by {}", pause.by) };
                let why = if pause.reason.is_empty() {
                    String::new()
                } else {
                    format!(" ({})", pause.reason)
                };
                let since = Self::time(pause.at);
                lines.push(format!("queue {action}: paused since {since}{by}{why}, {due} due\n"));
            }
        }
        lines.extend(state.tokens().map(|token| format!("token {}\n", given(token))));
        lines.extend(state.workers().map(|worker| format!("worker {}\n", described(worker))));
        lines.concat()
    }
}

fn described(worker: &Worker) -> String {
    let (id, epoch, status) = (worker.id, worker.epoch, worker.status.name());
    let confirmed = if worker.is_confirmed { "" } else { ", not confirmed" };
    let (has, uses) = (list(worker.capacity()), list(&worker.capacity_in_use));
    let draining = match worker.draining {
        None => String::new(),
        Some(Draining { since, stops_at: None }) => {
            format!(", draining since {}", Names::time(since))
        }
        Some(Draining { since, stops_at: Some(end) }) => {
            format!(", draining since {} until {}", Names::time(since), Names::time(end))
        }
    };
    format!("{id}: {status} in epoch {epoch}{confirmed}{draining}, has {has}, uses {uses}")
}

fn scheduled(cron: &Cron) -> String {
    let (action, schedule, generation) = (&cron.spec.action, &cron.schedule, cron.generation);
    let zone = cron.time_zone.as_deref().unwrap_or("UTC");
    let next = cron.next_run.map_or("never".to_owned(), Names::time);
    let next = if cron.is_paused() { format!("{next} but paused") } else { next };
    let retries = cron.retries;
    format!(
        "of {action}: {schedule} in {zone}, generation {generation}, retries {retries}, next {next}"
    )
}

fn configured(config: &ActionConfig) -> String {
    format!("of {}: {}", config.action, parameters(config.parameters.as_ref()))
}

/// Parameters by name; that nobody set any is not the same as that somebody set none.
pub(crate) fn parameters(map: Option<&Parameters>) -> String {
    let Some(map) = map else { return "null".to_owned() };
    let pairs: Vec<_> = map.iter().map(|(name, value)| format!("{name}:{value}")).collect();
    if pairs.is_empty() { "nothing".to_owned() } else { pairs.join(",") }
}

/// What a job has, whoever has said so.
pub(crate) fn spec(job: &Job) -> String {
    let text = |time: &Option<stint_core::Timeout>| {
        time.as_ref().map_or("none".to_owned(), ToString::to_string)
    };
    let (deadline, stop) = (text(&job.spec.deadline), text(&job.spec.stop_timeout));
    let needs = job.spec.capacity_map.as_ref().map_or("null".to_owned(), list);
    let (left, total) = (job.retries_left, job.retries_total);
    let told = parameters(job.spec.parameters.as_ref());
    format!("deadline {deadline}, stop {stop}, retries {left}/{total}, needs {needs}, told {told}")
}

fn set(settings: &Settings) -> String {
    let compaction = if settings.job_history_compaction_enabled { "on" } else { "off" };
    let keep = settings.job_history_to_keep.map_or("all".to_owned(), |count| count.to_string());
    let age = settings.job_history_max_age.as_ref();
    let age = age.map_or("any".to_owned(), ToString::to_string);
    format!("compaction {compaction}, keep {keep}, age {age}")
}

fn given(token: &Token) -> String {
    let Token { id, user, role, description, .. } = token;
    let created = Names::time(token.created_at);
    let expires = token.expires_at.map_or("never".to_owned(), Names::time);
    format!("{id} of {user}: {role}, created {created}, expires {expires}, for {description:?}")
}

fn list(map: &CapacityMap) -> String {
    let amounts: Vec<_> = map.iter().map(|(name, amount)| format!("{name}:{amount}")).collect();
    if amounts.is_empty() { "nothing".to_owned() } else { amounts.join(",") }
}

fn end_of_run(end: &AttemptEnd) -> String {
    match end {
        AttemptEnd::Exited(code) => format!("exited {code}"),
        AttemptEnd::Signaled(signal) => format!("was ended by signal {signal}"),
        AttemptEnd::DeadlineExceeded => "exceeded its deadline".to_owned(),
        AttemptEnd::Canceled => "was canceled".to_owned(),
        AttemptEnd::CouldNotStart(reason) => format!("could not start ({reason})"),
        AttemptEnd::WorkerDead => "lost its worker to death".to_owned(),
        AttemptEnd::WorkerShutdown => "lost its worker to a shutdown".to_owned(),
    }
}
