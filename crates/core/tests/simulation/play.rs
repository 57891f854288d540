//! Plays a history on the state and on the model, and compares them after each entry.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use stint_core::{
    ActionConfig, Command, Cron, Event, Filter, Job, JobId, LeaseId, ListKey, Order, Outcome,
    Parts, Refusal, Reply, State, Status, Timestamp, Token, invariant, limits,
};

use super::coverage::Coverage;
use super::model::Model;
use super::promises::{self, Witness};
use super::resolve::{action, numbered, resolve, worker_id};
use super::script::{Clock, Op, Step};

/// Where a history begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Beginning {
    Empty,
    /// The memory of ended jobs is nearly full, as it is after a day of work.
    Aged,
}

/// What went wrong, at which step, and what was said until then.
pub(crate) struct Failure {
    pub(crate) step: usize,
    pub(crate) what: String,
    pub(crate) commands: Vec<String>,
}

struct Play {
    state: State,
    /// A replica that began at a checkpoint.
    twin: Option<State>,
    model: Model,
    witness: Witness,
    coverage: Coverage,
    clock: u64,
    commands: Vec<String>,
    is_aged: bool,
}

/// Plays all steps; a panic is a failure like any other.
pub(crate) fn play(beginning: Beginning, steps: &[Step]) -> Result<Coverage, Failure> {
    let mut play = Play::new(beginning);
    let began = play.clock;
    for (number, step) in steps.iter().enumerate() {
        let played = catch_unwind(AssertUnwindSafe(|| play.step(step)));
        let what = match played {
            Ok(Ok(())) => continue,
            Ok(Err(what)) => what,
            Err(panic) => format!("panicked: {}", words_of(panic.as_ref())),
        };
        return Err(Failure { step: number, what, commands: play.commands });
    }
    play.coverage.see_rows(&play.model.rows);
    play.coverage.log_ms = play.state.now().as_ms().saturating_sub(began);
    Ok(play.coverage)
}

fn words_of(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no words").to_owned()
}

fn aged() -> Parts {
    let count = u64::try_from(limits::RECENTLY_ENDED_MAX).expect("a small number") - 5;
    Parts {
        now: Timestamp::from_ms(1_700_000_000_000),
        sequence: 1_000_000,
        last_lease: LeaseId(70_000),
        last_job: 200_000,
        recently_ended: (0..count).map(|n| (500_000 + n, numbered(n))).collect(),
        recently_ended_floor: 499_999,
        ..Parts::default()
    }
}

impl Play {
    fn new(beginning: Beginning) -> Self {
        let is_aged = beginning == Beginning::Aged;
        let parts = if is_aged { aged() } else { Parts::default() };
        let model = Model::beginning_at(&parts);
        let clock = parts.now.as_ms().max(1_000_000);
        let state = State::from_parts(parts).expect("parts that can be");
        Self {
            witness: Witness::beginning_at(&state),
            state,
            twin: None,
            model,
            coverage: Coverage::default(),
            clock,
            commands: Vec::new(),
            is_aged,
        }
    }

    fn step(&mut self, step: &Step) -> Result<(), String> {
        self.clock = match step.clock {
            Clock::Forward(ms) => self.clock.saturating_add(ms),
            Clock::Back(ms) => self.clock.saturating_sub(ms),
            Clock::ToDeadline => {
                let next = [self.state.next_deadline(), self.state.next_cron_due()];
                let next = next.into_iter().flatten().min();
                next.map_or(self.clock, |t| t.as_ms().max(self.clock))
            }
        };
        if step.is_checkpoint {
            self.checkpoint()?;
        }
        match resolve(&step.op, &self.model) {
            Some(command) => self.entry(&command),
            None => self.question(&step.op),
        }
    }

    fn entry(&mut self, command: &Command) -> Result<(), String> {
        let at = Timestamp::from_ms(self.clock);
        self.commands.push(brief(format!("at {}: {command:?}", self.clock)));
        // A whole copy of an aged state costs milliseconds.
        let before = (!self.is_aged).then(|| self.state.clone());
        let outcome = self.state.apply(at, command.clone());
        invariant::check(&self.state).map_err(|violation| violation.to_string())?;
        self.witness.watch(command, &outcome, &self.state)?;

        let expected = self.model.apply(self.clock, command);
        compare_outcomes(&outcome, &expected)?;
        self.compare_records()?;
        if let Some(twin) = &mut self.twin {
            let of_twin = twin.apply(at, command.clone());
            same("the outcome after a checkpoint", &of_twin, &outcome)?;
        }
        if let Some(before) = before {
            if outcome.reply.is_err() {
                promises::refused_is_tick(before, at, &outcome, &self.state)?;
            }
            if is_once(command) && matches!(outcome.reply, Ok(Reply::Submitted(_) | Reply::Ok)) {
                promises::again_is_nothing(self.state.clone(), at, command)?;
            }
        }
        self.coverage.see(command, &outcome);
        Ok(())
    }

    fn checkpoint(&mut self) -> Result<(), String> {
        if let Some(twin) = self.twin.take() {
            check(twin == self.state, "a replica that began at a checkpoint has gone its own way")?;
        }
        let restored = State::from_parts(self.state.parts());
        let restored = restored.map_err(|violation| format!("no checkpoint: {violation}"))?;
        check(restored == self.state, "a checkpoint is not the state that it was taken of")?;
        self.twin = Some(restored);
        Ok(())
    }

    fn compare_records(&self) -> Result<(), String> {
        let mut jobs: Vec<_> = self.model.live_jobs().collect();
        jobs.sort_by_key(|job| job.id);
        same("the number of live jobs", &self.state.jobs().len(), &jobs.len())?;
        for (job, expected) in self.state.jobs().zip(jobs) {
            same("a job", job.as_ref(), expected)?;
        }
        let mut workers: Vec<_> =
            (0..self.model.workers.len()).map(|w| self.model.record_of(w)).collect();
        workers.sort_by_key(|worker| worker.id);
        same("the number of workers", &self.state.workers().len(), &workers.len())?;
        for (worker, expected) in self.state.workers().zip(&workers) {
            same("a worker", worker.as_ref(), expected)?;
        }
        self.compare_configuration()?;
        same("the next cron", &self.state.next_cron_due(), &self.model.next_cron_due())?;
        same("the next deadline", &self.state.next_deadline(), &self.model.next_deadline())
    }

    fn compare_configuration(&self) -> Result<(), String> {
        let mut expected = self.model.configuration.crons.clone();
        expected.sort_by_key(|cron| cron.spec.action.clone());
        let crons: Vec<_> = self.state.crons().map(|cron| Cron::clone(cron)).collect();
        same("the crons", &crons, &expected)?;
        let mut expected = self.model.configuration.action_configs.clone();
        expected.sort_by_key(|config| config.action.clone());
        let configs = self.state.action_configs().map(|config| ActionConfig::clone(config));
        same("the action configs", &configs.collect::<Vec<_>>(), &expected)?;
        let mut expected = self.model.tokens.all.clone();
        expected.sort_by_key(|token| token.id);
        let tokens: Vec<_> = self.state.tokens().map(|token| Token::clone(token)).collect();
        same("the tokens", &tokens, &expected)?;
        same("the level", &self.state.level().get(), &self.model.level.max(1))?;
        same("whether it is closed", &self.state.is_closed(), &self.model.tokens.is_closed)?;
        same("the settings", self.state.settings(), &self.model.configuration.settings)
    }

    fn compare_queue(&self, action: &str) -> Result<(), String> {
        let queue = self.state.queue_of(action);
        let jobs = || self.model.live_jobs().filter(|job| job.spec.action == action);
        let is_due = |job: &&Job| Model::is_free(job) && self.model.is_due(job);
        same("the due jobs of a queue", &queue.due, &jobs().filter(is_due).count())?;
        let running = jobs().filter(|job| job.status.is_running()).count();
        same("the running jobs of a queue", &queue.running, &running)?;
        let scheduled = jobs().count() - running - queue.due;
        same("the scheduled jobs of a queue", &queue.scheduled, &scheduled)?;
        let oldest = jobs().filter(is_due).map(|job| job.scheduled_at).min();
        same("the oldest job of a queue", &queue.oldest_due, &oldest)?;
        same("why a queue rests", &queue.pause.as_ref(), &self.model.paused.get(action))
    }

    /// Some instant between now and a minute ago.
    fn moment(&self, number: u64) -> Timestamp {
        Timestamp::from_ms(self.state.now().as_ms().saturating_sub(number % 60_000))
    }

    /// A list as it is found by steps that look at few jobs each.
    fn walked(
        &self,
        filter: &Filter,
        order: Order,
        after: Option<ListKey>,
        places: usize,
    ) -> Vec<Arc<Job>> {
        let (mut after, mut all) = (after, Vec::new());
        loop {
            let scan = self.state.scan(filter, order, after, 2, places);
            all.extend(scan.jobs);
            let Some(stopped) = scan.stopped else { return all };
            after = Some(stopped);
        }
    }

    fn question(&mut self, op: &Op) -> Result<(), String> {
        let Op::Ask { action: which, worker, number } = op else { return Ok(()) };
        let filter = Filter {
            action: which.is_multiple_of(3).then(|| action(which / 3).to_owned()),
            worker: number.is_multiple_of(4).then(|| worker_id(*worker)),
            is_running: [None, None, Some(true), Some(false)]
                .get(usize::try_from(which % 4).expect("few"))
                .copied()
                .flatten(),
            statuses: Status::ALL
                .into_iter()
                .enumerate()
                .filter(|(i, _)| number.is_multiple_of(3) && which >> i & 1 == 1)
                .map(|(_, status)| status)
                .collect(),
            since: worker.is_multiple_of(5).then(|| self.moment(*number)),
            until: worker.is_multiple_of(7).then(|| self.moment(*which)),
            ..Filter::default()
        };
        let all = self.model.list(&Filter::default(), None, usize::MAX);
        let after = usize::try_from(number % 64).ok().and_then(|n| all.get(n));
        let after = after.map(|job| ListKey { scheduled_at: job.scheduled_at, id: job.id });
        let most = usize::try_from(number / 64 % 8).expect("few");
        for (after, most) in [(None, usize::MAX), (after, most)] {
            let expected = self.model.list(&filter, after, most);
            same("a list", &self.state.list(&filter, after, most), &expected)?;
            let steps = usize::try_from(1 + number % 5).expect("few");
            for order in [Order::NewestFirst, Order::OldestFirst] {
                same(
                    "a list in steps",
                    &self.walked(&filter, order, after, steps),
                    &self.model.list_in(order, &filter, after, usize::MAX),
                )?;
            }
        }
        for job in &all {
            let reason = self.state.why_waiting(job);
            same("why a job waits", &reason, &self.model.why_waiting(job))?;
            if let Some(reason) = reason {
                self.coverage.see_wait(&reason);
            }
        }
        let worker = worker_id(*worker);
        let has_work = self.state.has_work_for(worker);
        same("whether there is work", &has_work, &self.model.has_work_for(worker))?;
        let statuses = all.iter().fold(BTreeMap::new(), |mut statuses, job| {
            *statuses.entry(job.status).or_insert(0) += 1;
            statuses
        });
        same("how many have a status", self.state.count_by_status(), &statuses)?;
        same("how many are due", &self.state.due_count(), &self.model.due_count())?;
        self.compare_queue(action(*which))?;
        let configuration = &self.model.configuration;
        let which = action(*which);
        let cron = configuration.cron(which).map(|c| &configuration.crons[c]);
        same("a cron", &self.state.cron(which).map(AsRef::as_ref), &cron)?;
        let config = configuration.action_config(which);
        let config = config.map(|c| &configuration.action_configs[c]);
        same("an action config", &self.state.action_config(which).map(AsRef::as_ref), &config)?;
        let nobodys = self.state.job(JobId::from_bytes([1; 16]));
        same("a job that nobody knows", &nobodys, &None)
    }
}

/// Whether proposing it twice is proposing it once, whatever its answer is.
fn is_once(command: &Command) -> bool {
    matches!(
        command,
        Command::Submit(_)
            | Command::PauseQueue { .. }
            | Command::ResumeQueue { .. }
            | Command::PutCron(_)
            | Command::Fire(_)
            | Command::PauseCron { .. }
            | Command::ResumeCron { .. }
            | Command::RunCron { .. }
            | Command::PutActionConfig(_)
            | Command::PutSettings(_)
            | Command::Close { .. }
            | Command::ResetAdmin { .. }
            | Command::CreateToken(_)
    )
}

fn check(is_right: bool, wrong: &str) -> Result<(), String> {
    if is_right { Ok(()) } else { Err(wrong.to_owned()) }
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, got: &T, expected: &T) -> Result<(), String> {
    if got == expected {
        return Ok(());
    }
    Err(format!("{what} is\n  {got:?}\nand should be\n  {expected:?}"))
}

fn compare_outcomes(got: &Outcome, expected: &Outcome) -> Result<(), String> {
    same("the reply", &without_words(got.reply.clone()), &expected.reply)?;
    for (got, expected) in got.events.iter().zip(&expected.events) {
        same("an event", got, expected)?;
    }
    let surplus = |events: &[Event], from: usize| brief(format!("{:?}", events.get(from..)));
    if got.events.len() == expected.events.len() {
        return Ok(());
    }
    Err(format!(
        "events go on with\n  {}\nand should go on with\n  {}",
        surplus(&got.events, expected.events.len()),
        surplus(&expected.events, got.events.len()),
    ))
}

/// What is over a limit is said in words that the model does not know.
fn without_words(reply: Result<Reply, Refusal>) -> Result<Reply, Refusal> {
    let wordless = |refusal| match refusal {
        Refusal::OverLimit { got, limit, .. } => Refusal::OverLimit { what: "".into(), got, limit },
        other => other,
    };
    match reply {
        Ok(Reply::Bulk(answers)) => {
            Ok(Reply::Bulk(answers.into_iter().map(|answer| answer.map_err(wordless)).collect()))
        }
        other => other.map_err(wordless),
    }
}

fn brief(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(600));
    text
}
