//! From a line of a story to a command.
//!
//! ```text
//! after 5s | back 5s                     the leader's clock moves; nothing is in the log for that
//! tick
//! submit JOB ACTION [needs=a:1,b:2] [with=a:x,b:y] [retries=2] [in=5s] [deadline=5s] [stop=5s]
//!     [of=JOB [lease=1]] [priority=50] [unique=KEY] [expires=5s]
//! drain WORKER [limit=5s] | resume WORKER
//! give-token WORKER JOB N [lease=1] [epoch=1]
//! retry JOB of=JOB [retries=2]        what a client asks for: a new job that runs the other once more
//! cancel JOB | delete JOB | cancel-all JOB... | delete-all JOB...
//! pause ACTION [by=USER] [because=REASON] | unpause ACTION
//! register WORKER actions=a,b(abandon),c(backoff=5s) [has=a:1] [incarnation=1] [ttl=10s]
//! offer WORKER actions=... [has=a:1] [epoch=1] [number=1]
//! confirm | heartbeat | leave WORKER [epoch=1]
//! expire WORKER [epoch=1] [renewal=1]
//! claim WORKER [max=1] [epoch=1]
//! capacity WORKER [a:1,b:2]
//! lines WORKER JOB FIRST COUNT [lease=1] [epoch=1]
//! finish WORKER JOB exit=0 | signal=9 | wait=5s [lease=1] [epoch=1]
//! finish WORKER JOB canceled | deadline | shutdown | not-started [lease=1] [epoch=1]
//! cron ACTION NEXT [schedule=@hourly] [zone=Europe/Berlin] [retries=2] [id=1]
//!     [missed=skip|one|all] [window=5s] [overlap=allow|skip|replace] [jitter=5s]
//! no-cron ACTION | pause-cron ACTION | resume-cron ACTION | run ACTION JOB
//! fire ACTION TICK... [next=20s] [passed=10s:3] [more=yes] [mark=5s] [generation=1]
//! config ACTION [with=a:x,b:y] [id=1]
//! no-config ACTION
//! settings [compaction=on] [keep=5] [age=24h] [cron=5s]
//! compact WORKER JOB OTHERS [keep=5] [age=24h] [lease=1] [epoch=1]
//! close N | reset N | token USER ROLE N [expires=5s] [for=backups] | revoke N | refound
//! invite N 5s | join WORKER N [disk=1] | remove WORKER | lead WORKER
//! show | why JOB | deadline | parameters JOB | spec JOB     questions
//! ```
//!
//! What an action says stands in brackets, with semicolons between: `abandon`, `backoff=5s`,
//! `factor=200`, `cap=1m`, `jitter=50`, `deadline=1h`, `stop=5s`, `retries=2`, `needs=cpu:1`,
//! `closed`, and for the parameter `p` `require=p`, `default=p:x`, `longest=p:3`, `most=p:9`.
//!
//! A worker is its 12 digits. A job is a word; the retry of `a` is `a'`, and that of `a'` is `a''`.
//! Epochs, renewals and leases that are not said are the current ones. NEXT is a time from now.
//! N stands for the secret of a token; `expires` is a time from now.
//! TICK, `next`, `passed` (the last of so many) and `mark` are instants of the story; without `mark`
//! it is the tick that is next, and without `next` the schedule has ended.
//! `with=nothing` is an empty map, `keep=all` and `age=any` are no bound.

use std::collections::BTreeMap;

use stint_core::{
    ActionConfig, ActionConfigId, ActionOffer, Bulk, COMPACTION_ACTION, CapacityMap, Change,
    Command, Compaction, CronId, CronPolicy, Declaration, Epoch, Finished, Incarnation, JobId,
    JobSpec, LeaseId, NewCron, NewJob, NewToken, Offer, OnWorkerLoss, Parameters, Parent, Policy,
    Priority, Registration, Retention, Role, SettingsChange, Span, State, Stream, Timeout,
    Timestamp, TokenHash, TokenId, WorkerId,
};

use super::print::Names;

mod crons;
mod members;
mod runs;

use crons::{cron, fire, no_cron};
use runs::{exit, run};

/// What a line of a story asks for.
#[expect(clippy::large_enum_variant, reason = "there is one line at a time")]
pub(crate) enum Line {
    Entry(Command),
    After(u64),
    Back(u64),
    Show,
    Why(JobId),
    Parameters(JobId),
    Spec(JobId),
    Deadline,
}

/// The words of a line: those that stand by their place, and those that have a name.
struct Words<'a> {
    plain: std::vec::IntoIter<&'a str>,
    named: BTreeMap<&'a str, &'a str>,
}

impl<'a> Words<'a> {
    fn new(line: &'a str) -> Self {
        // The traits of an action have a sign of equality, too.
        let split = |word: &'a str| word.split_once('=');
        let (named, plain): (Vec<_>, Vec<_>) =
            line.split_whitespace().partition(|word| split(word).is_some());
        let named = named.into_iter().filter_map(split).collect();
        Self { plain: plain.into_iter(), named }
    }

    fn word(&mut self, what: &str) -> Result<&'a str, String> {
        self.plain.next().ok_or_else(|| format!("{what} is missing"))
    }

    fn number(&mut self, what: &str) -> Result<u64, String> {
        number(self.word(what)?)
    }

    fn worker(&mut self) -> Result<WorkerId, String> {
        self.word("the worker")?.parse().map_err(|error| format!("{error}"))
    }

    fn job(&mut self, names: &mut Names) -> Result<JobId, String> {
        Ok(names.id(self.word("the job")?))
    }

    fn jobs(&mut self, names: &mut Names) -> Vec<JobId> {
        self.plain.by_ref().map(|name| names.id(name)).collect()
    }

    fn action(&mut self) -> Result<String, String> {
        self.word("the action").map(str::to_owned)
    }

    fn named(&mut self, name: &str) -> Option<&'a str> {
        self.named.remove(name)
    }

    fn named_number(&mut self, name: &str, default: u64) -> Result<u64, String> {
        self.named(name).map_or(Ok(default), number)
    }

    fn named_span(&mut self, name: &str) -> Result<Option<u64>, String> {
        self.named(name).map(span_ms).transpose()
    }

    /// Nothing may be left: a misspelt word would be a story of something else.
    fn end(mut self) -> Result<(), String> {
        let rest = self.plain.next().or_else(|| self.named.keys().next().copied());
        rest.map_or(Ok(()), |word| Err(format!("{word} is not understood")))
    }
}

fn number(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("{text} is no number"))
}

fn span_ms(text: &str) -> Result<u64, String> {
    let span = Timeout::parse(text).map_err(|error| error.to_string())?;
    Ok(span.map_or(0, |timeout| timeout.span().as_ms()))
}

/// `a:1,b:2`
fn amounts(text: &str) -> Result<CapacityMap, String> {
    let amount = |pair: &str| {
        let (name, amount) = pair.split_once(':').ok_or_else(|| format!("{pair}: no amount"))?;
        Ok((name.to_owned(), number(amount)?))
    };
    text.split(',').filter(|pair| !pair.is_empty()).map(amount).collect()
}

/// `a:x,b:y`, or `nothing`
fn parameters(text: &str) -> Result<Parameters, String> {
    let parameter = |pair: &str| {
        let (name, value) = pair.split_once(':').ok_or_else(|| format!("{pair}: no value"))?;
        Ok((name.to_owned(), value.to_owned()))
    };
    text.split(',').filter(|pair| *pair != "nothing").map(parameter).collect()
}

fn timeout(text: &str) -> Result<Option<Timeout>, String> {
    Timeout::parse(text).map_err(|error| error.to_string())
}

fn small(text: &str) -> Result<u32, String> {
    text.parse().map_err(|_| format!("{text} is no small number"))
}

fn all_actions(text: &str) -> Result<BTreeMap<String, ActionOffer>, String> {
    text.split(',').map(action).collect()
}

/// `a`, or `a(backoff=5s;retries=2)`
fn action(text: &str) -> Result<(String, ActionOffer), String> {
    let (name, said) = text.split_once('(').unwrap_or((text, ""));
    let mut offer = ActionOffer::default();
    for said in said.trim_end_matches(')').split(';').filter(|said| !said.is_empty()) {
        let (what, how) = said.split_once('=').unwrap_or((said, ""));
        let of_parameter = |offer: &mut ActionOffer, change: &dyn Fn(&mut Declaration, &str)| {
            let (parameter, rule) = how.split_once(':').unwrap_or((how, ""));
            let declared = &mut offer.declarations.parameters;
            change(declared.entry(parameter.to_owned()).or_default(), rule);
        };
        match what {
            "abandon" => offer.traits.on_worker_loss = OnWorkerLoss::Abandon,
            "backoff" => offer.traits.backoff.first = Span::from_ms(span_ms(how)?),
            "factor" => offer.traits.backoff.factor_percent = small(how)?,
            "cap" => offer.traits.backoff.max = Some(Span::from_ms(span_ms(how)?)),
            "jitter" => offer.traits.backoff.jitter_percent = small(how)?,
            "deadline" => offer.defaults.deadline = timeout(how)?,
            "stop" => offer.defaults.stop_timeout = timeout(how)?,
            "retries" => offer.defaults.retries = small(how)?,
            "needs" => offer.defaults.capacity_map = Some(amounts(how)?),
            "closed" => offer.declarations.is_closed = true,
            "require" => of_parameter(&mut offer, &|declared, _| declared.is_required = true),
            "default" => of_parameter(&mut offer, &|declared, value| {
                declared.default = Some(value.to_owned());
            }),
            "longest" => of_parameter(&mut offer, &|declared, bytes| {
                declared.bytes_max = bytes.parse().ok();
            }),
            "most" => {
                of_parameter(&mut offer, &|declared, most| declared.maximum = most.parse().ok());
            }
            _ => return Err(format!("{said} is nothing that an action says")),
        }
    }
    Ok((name.to_owned(), offer))
}

/// What a line says. The state is asked for what the line leaves out.
pub(crate) fn line(line: &str, state: &State, names: &mut Names) -> Result<Line, String> {
    let mut words = Words::new(line);
    let verb = words.word("a command")?;
    let said = match verb {
        "after" => Line::After(span_ms(words.word("a time")?)?),
        "back" => Line::Back(span_ms(words.word("a time")?)?),
        "show" => Line::Show,
        "why" => Line::Why(words.job(names)?),
        "parameters" => Line::Parameters(words.job(names)?),
        "spec" => Line::Spec(words.job(names)?),
        "deadline" => Line::Deadline,
        "cron" => Line::Entry(cron(&mut words, state)?),
        "no-cron" => Line::Entry(no_cron(&mut words, state)?),
        "pause-cron" => Line::Entry(Command::PauseCron { action: words.action()? }),
        "resume-cron" => Line::Entry(Command::ResumeCron { action: words.action()? }),
        "run" => {
            let (action, job) = (words.action()?, words.job(names)?);
            Line::Entry(Command::RunCron { action, job, drawn: state.sequence() })
        }
        "fire" => Line::Entry(fire(&mut words, state)?),
        "config" => Line::Entry(config(&mut words)?),
        "no-config" => Line::Entry(Command::DeleteActionConfig { action: words.action()? }),
        "settings" => Line::Entry(settings(&mut words, state)?),
        "close" => Line::Entry(Command::Close { hash: hash(&mut words)? }),
        "reset" => Line::Entry(Command::ResetAdmin { hash: hash(&mut words)? }),
        "refound" => Line::Entry(Command::Refound),
        "token" => Line::Entry(token(&mut words, state)?),
        "revoke" => Line::Entry(Command::RevokeToken { id: TokenId::of(hash(&mut words)?) }),
        "invite" | "join" | "remove" | "lead" => {
            Line::Entry(members::change(verb, &mut words, state)?)
        }
        "tick" => Line::Entry(Command::Tick),
        "pause" => Line::Entry(pause(&mut words)?),
        "unpause" => Line::Entry(Command::ResumeQueue { action: words.action()? }),
        "retry" => Line::Entry(retry(&mut words, state, names)?),
        "cancel-all" => Line::Entry(Command::Bulk(Box::new(Bulk::Cancel(words.jobs(names))))),
        "delete-all" => Line::Entry(Command::Bulk(Box::new(Bulk::Delete(words.jobs(names))))),
        "submit" => Line::Entry(submit(&mut words, state, names)?),
        "cancel" => Line::Entry(Command::Cancel { job: words.job(names)? }),
        "delete" => Line::Entry(Command::Delete { job: words.job(names)? }),
        "register" => Line::Entry(register(&mut words)?),
        _ => Line::Entry(of_worker(verb, &mut words, state, names)?),
    };
    words.end()?;
    Ok(said)
}

fn submit(words: &mut Words<'_>, state: &State, names: &mut Names) -> Result<Command, String> {
    let id = words.job(names)?;
    let spec = JobSpec {
        action: words.action()?,
        parameters: words.named("with").map(parameters).transpose()?,
        capacity_map: words.named("needs").map(amounts).transpose()?,
        deadline: words.named("deadline").map_or(Ok(None), timeout)?,
        stop_timeout: words.named("stop").map_or(Ok(None), timeout)?,
    };
    let in_ms = words.named_span("in")?;
    let scheduled_at = in_ms.map(|ms| Timestamp::from_ms(state.now().as_ms() + ms));
    let retries = words.named("retries").map(small).transpose()?;
    let parent = words.named("of").map(|name| names.id(name));
    let lease = |job| state.job(job).and_then(|job| job.lease()).unwrap_or_default().0;
    let parent = match parent {
        Some(job) => Some(Parent { job, lease: LeaseId(words.named_number("lease", lease(job))?) }),
        None => None,
    };
    let level = words.named_number("priority", 50)?;
    let policy = Policy {
        priority: Priority::new(level).ok_or_else(|| format!("{level} is no priority"))?,
        unique_key: words.named("unique").map(str::to_owned),
        expires_at: words.named_span("expires")?.map(|ms| state.now().plus(Span::from_ms(ms))),
    };
    let drawn = state.sequence();
    let retry_from = None;
    let new = NewJob { id, drawn, spec, scheduled_at, retries, policy, retry_from, parent };
    Ok(Command::Submit(new))
}

/// Of a job that may be over, so that the story has to say what it needs of it: its action is scan.
fn retry(words: &mut Words<'_>, state: &State, names: &mut Names) -> Result<Command, String> {
    let id = words.job(names)?;
    let of = names.id(words.named("of").ok_or("of= is missing")?);
    let retries = words.named("retries").map(small).transpose()?;
    let spec = JobSpec {
        action: "scan".to_owned(),
        parameters: None,
        capacity_map: None,
        deadline: None,
        stop_timeout: None,
    };
    let policy =
        Policy { unique_key: words.named("unique").map(str::to_owned), ..Policy::default() };
    let drawn = state.sequence();
    let scheduled_at = None;
    let (retry_from, parent) = (Some(of), None);
    let new = NewJob { id, drawn, spec, scheduled_at, retries, policy, retry_from, parent };
    Ok(Command::Submit(new))
}

/// A UUID by its last digits.
fn id_bytes(words: &mut Words<'_>) -> Result<[u8; 16], String> {
    Ok(u128::from(words.named_number("id", 1)?).to_be_bytes())
}

fn pause(words: &mut Words<'_>) -> Result<Command, String> {
    let action = words.action()?;
    let (by, reason) = (words.named("by"), words.named("because"));
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    Ok(Command::PauseQueue { action, by: text(by), reason: text(reason) })
}

fn config(words: &mut Words<'_>) -> Result<Command, String> {
    Ok(Command::PutActionConfig(ActionConfig {
        id: ActionConfigId::from_bytes(id_bytes(words)?),
        action: words.action()?,
        parameters: words.named("with").map(parameters).transpose()?,
    }))
}

fn settings(words: &mut Words<'_>, state: &State) -> Result<Command, String> {
    let mut change = SettingsChange::default();
    if let Some(text) = words.named("compaction") {
        change.job_history_compaction_enabled = Change::To(text == "on");
    }
    if let Some(text) = words.named("keep") {
        let count = (text != "all").then(|| number(text)).transpose()?;
        change.job_history_to_keep = Change::To(count);
    }
    if let Some(text) = words.named("age") {
        let age = if text == "any" { "" } else { text };
        let age = Timeout::parse(age).map_err(|error| error.to_string())?;
        change.job_history_max_age = Change::To(age);
    }
    if let Some(ms) = words.named_span("cron")? {
        let spec = JobSpec {
            action: COMPACTION_ACTION.to_owned(),
            parameters: None,
            capacity_map: None,
            deadline: None,
            stop_timeout: None,
        };
        change.compaction_cron = Some(Box::new(NewCron {
            id: CronId::from_bytes(id_bytes(words)?),
            spec,
            retries: 0,
            schedule: "@daily".to_owned(),
            time_zone: None,
            policy: CronPolicy::default(),
            anchor: state.now(),
            next_run: state.now().plus(Span::from_ms(ms)),
            undecided: None,
        }));
    }
    Ok(Command::PutSettings(change))
}

/// The hash of the secret that has this number.
fn hash(words: &mut Words<'_>) -> Result<TokenHash, String> {
    let mut hash = [0; 32];
    hash[24..].copy_from_slice(&words.number("the number of the secret")?.to_be_bytes());
    Ok(TokenHash(hash))
}

fn token(words: &mut Words<'_>, state: &State) -> Result<Command, String> {
    let user = words.word("the user")?.to_owned();
    let role = words.word("the role")?;
    let expires_in = words.named_span("expires")?;
    Ok(Command::CreateToken(Box::new(NewToken {
        user,
        role: Role::of_name(role).ok_or_else(|| format!("{role} is no role"))?,
        hash: hash(words)?,
        expires_at: expires_in.map(|ms| state.now().plus(Span::from_ms(ms))),
        description: words.named("for").unwrap_or_default().to_owned(),
    })))
}

fn register(words: &mut Words<'_>) -> Result<Command, String> {
    let actions = words.named("actions").unwrap_or_default();
    Ok(Command::Register(Registration {
        worker: words.worker()?,
        incarnation: Incarnation(words.named_number("incarnation", 1)?),
        capacity: words.named("has").map_or(Ok(CapacityMap::default()), amounts)?,
        actions: all_actions(actions)?,
        ttl: Span::from_ms(words.named_span("ttl")?.unwrap_or(10_000)),
    }))
}

/// What a worker says, or what is said of one.
fn of_worker(
    verb: &str,
    words: &mut Words<'_>,
    state: &State,
    names: &mut Names,
) -> Result<Command, String> {
    let worker = words.worker()?;
    let record = state.worker(worker);
    if verb == "drain" {
        let limit = words.named_span("limit")?.map(Span::from_ms);
        return Ok(Command::Drain { worker, limit });
    }
    if verb == "resume" {
        return Ok(Command::Resume { worker });
    }
    if verb == "capacity" {
        let capacity = words.word("the capacity").and_then(amounts)?;
        return Ok(Command::SetCapacity { worker, capacity });
    }
    let epoch = record.map_or(0, |record| record.epoch.0);
    let epoch = Epoch(words.named_number("epoch", epoch)?);
    Ok(match verb {
        "offer" => Command::Offer(Box::new(Offer {
            worker,
            epoch,
            number: words.named_number("number", record.map_or(0, |w| w.offer_number) + 1)?,
            capacity: words.named("has").map_or(Ok(CapacityMap::default()), amounts)?,
            actions: all_actions(words.named("actions").unwrap_or_default())?,
        })),
        "confirm" => Command::Confirm { worker, epoch },
        "heartbeat" => Command::Heartbeat { worker, epoch },
        "leave" => Command::Leave { worker, epoch },
        "expire" => {
            let renewal = record.map_or(0, |record| record.renewal);
            let renewal = words.named_number("renewal", renewal)?;
            Command::Expire { worker, epoch, renewal }
        }
        "claim" => {
            let max = words.named_number("max", 1)?;
            let max = u32::try_from(max).map_err(|error| error.to_string())?;
            Command::Claim { worker, epoch, max }
        }
        "give-token" => {
            let (job, lease) = run(words, state, names)?;
            Command::GiveToken { worker, epoch, job, lease, hash: hash(words)? }
        }
        "lines" => {
            let (job, lease) = run(words, state, names)?;
            let (first, count) = (words.number("the first line")?, words.number("the count")?);
            let line = |n| stint_core::Line { stream: Stream::Out, text: format!("line {n}") };
            let lines = (first..first + count).map(line).collect();
            Command::AppendLines { worker, epoch, job, lease, first, lines }
        }
        "compact" => {
            let (job, lease) = run(words, state, names)?;
            let others = words.word("the jobs that go")?;
            let jobs = others.split(',').map(|name| names.id(name)).collect();
            let by = Retention {
                to_keep: words.named("keep").map(number).transpose()?,
                max_age: words.named_span("age")?.map(Span::from_ms),
            };
            Command::Compact(Box::new(Compaction { worker, epoch, job, lease, by, jobs }))
        }
        "finish" => {
            let (job, lease) = run(words, state, names)?;
            let runs = vec![Finished { job, lease, exit: exit(words)? }];
            Command::Finish { worker, epoch, runs }
        }
        _ => return Err(format!("{verb} is no command")),
    })
}
