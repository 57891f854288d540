//! The state of the picture: what is known, where somebody looks, and what keys do to that.
//!
//! It touches neither network nor terminal. What it wants to be found out is [`App::wanted`], what it
//! wants to be done is [`App::orders`].

mod keys;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::{Instant, SystemTime};

use stint_client::is_over;
use stint_client::v0::Job;

use crate::cells::{Row, View};
use crate::command::Command;
use crate::deed::Deed;
use crate::filter::Filter;
use crate::limits;
use crate::output::Output;
use crate::picture::{News, Picture};
use crate::screen;

/// One of the lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Tab {
    Jobs,
    Workers,
    Queues,
    Crons,
    Cluster,
}

impl Tab {
    pub(crate) const ALL: [Self; 5] =
        [Self::Jobs, Self::Workers, Self::Queues, Self::Crons, Self::Cluster];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Jobs => "jobs",
            Self::Workers => "workers",
            Self::Queues => "queues",
            Self::Crons => "crons",
            Self::Cluster => "cluster",
        }
    }

    pub(crate) fn place(self) -> usize {
        Self::ALL.iter().position(|tab| *tab == self).unwrap_or_default()
    }
}

/// What stands before the rest and takes the keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Dialog {
    Help,
    /// It is asked whether this is meant.
    Confirm(Deed),
    /// What is typed after `/`.
    Typing(String),
}

/// What has to be found out for what is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) tab: Tab,
    pub(crate) filter: Filter,
    pub(crate) limit: u32,
    /// The job whose details are shown.
    pub(crate) job: Option<String>,
    /// The job whose output is followed.
    pub(crate) output: Option<String>,
}

/// The time, by the clock that people have and by the one that never goes back.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Now {
    pub(crate) wall: SystemTime,
    pub(crate) steady: Instant,
}

impl Now {
    pub(crate) fn read() -> Self {
        Self { wall: SystemTime::now(), steady: Instant::now() }
    }
}

/// All of it.
#[derive(Debug, Clone)]
pub(crate) struct App {
    pub(crate) picture: Picture,
    pub(crate) tab: Tab,
    pub(crate) views: BTreeMap<Tab, View>,
    pub(crate) limit: u32,
    /// The job whose details are shown, and the first line of them that is.
    pub(crate) job: Option<(String, usize)>,
    pub(crate) output: Option<Output>,
    pub(crate) dialog: Option<Dialog>,
    /// What has been done or has happened, and when.
    pub(crate) note: Option<(String, Instant)>,
    /// Whether whoever calls may change anything.
    pub(crate) may_change: bool,
    pub(crate) user: String,
    pub(crate) has_colours: bool,
    pub(crate) now: Now,
    /// Rows that the last frame had room for.
    pub(crate) height: usize,
    pub(crate) is_over: bool,
    orders: Vec<Deed>,
}

impl App {
    pub(crate) fn new(user: String, may_change: bool, has_colours: bool, now: Now) -> Self {
        Self {
            picture: Picture::default(),
            tab: Tab::Jobs,
            views: Tab::ALL.into_iter().map(|tab| (tab, View::default())).collect(),
            limit: limits::JOBS_STEP,
            job: None,
            output: None,
            dialog: None,
            note: None,
            may_change,
            user,
            has_colours,
            now,
            height: 1,
            is_over: false,
            orders: Vec::new(),
        }
    }

    /// It is later.
    pub(crate) fn tick(&mut self, now: Now) {
        self.now = now;
        let is_old = |at: &Instant| now.steady.duration_since(*at) > limits::NOTE_SHOWN;
        if self.note.as_ref().is_some_and(|(_, at)| is_old(at)) {
            self.note = None;
        }
    }

    /// Something has been found out.
    pub(crate) fn told(&mut self, news: News) {
        let now = self.now.steady;
        if let News::Done(outcome) = news {
            let text = outcome.unwrap_or_else(|why| format!("not done: {why}"));
            self.note = Some((text, now));
            return;
        }
        let news = self.take_output(news);
        if let Some(text) = self.picture.take(news, now) {
            self.note = Some((text, now));
        }
    }

    /// Takes lines in. What is left of such news is that something was heard.
    fn take_output(&mut self, news: News) -> News {
        match news {
            News::Lines(job, lines) => {
                if let Some(output) = self.output_of(&job) {
                    output.take(lines);
                }
                News::Lines(job, Vec::new())
            }
            News::OutputEnded(job) => {
                if let Some(output) = self.output_of(&job) {
                    output.has_ended = true;
                }
                News::OutputEnded(job)
            }
            News::Jobs(..)
            | News::Workers(_)
            | News::Queues(..)
            | News::Crons(_)
            | News::Cluster(_)
            | News::Statistics(_)
            | News::Job(_)
            | News::Watching
            | News::Trouble(..)
            | News::Done(_) => news,
        }
    }

    /// What is shown of the output, if it is that of this job.
    fn output_of(&mut self, job: &str) -> Option<&mut Output> {
        self.output.as_mut().filter(|output| output.job == job)
    }

    /// What has to be found out now.
    pub(crate) fn wanted(&self) -> Wanted {
        let filter = self.views.get(&Tab::Jobs).map(|view| view.filter.clone());
        Wanted {
            tab: self.tab,
            filter: filter.unwrap_or_default(),
            limit: self.limit,
            job: self.job.as_ref().map(|(id, _)| id.clone()),
            output: self.output.as_ref().map(|output| output.job.clone()),
        }
    }

    /// What has to be done, each once.
    pub(crate) fn orders(&mut self) -> Vec<Deed> {
        std::mem::take(&mut self.orders)
    }

    /// How the list is looked at.
    pub(crate) fn view(&self) -> View {
        self.views.get(&self.tab).cloned().unwrap_or_default()
    }

    /// The rows of the list as they are shown.
    pub(crate) fn rows(&self) -> Vec<Row> {
        self.view().arrange(screen::rows(self.tab, &self.picture, self.now.wall))
    }

    /// The name or id of what is chosen in the list.
    pub(crate) fn chosen(&self) -> Option<String> {
        self.view().chosen(&self.rows()).map(|row| row.key.clone())
    }

    /// The job that keys are about.
    pub(crate) fn subject(&self) -> Option<String> {
        let output = self.output.as_ref().map(|output| output.job.clone());
        let job = || self.job.as_ref().map(|(id, _)| id.clone());
        let row = || (self.tab == Tab::Jobs).then(|| self.chosen()).flatten();
        output.or_else(job).or_else(row)
    }

    fn subject_is(&self, fits: impl Fn(&Job) -> bool) -> bool {
        self.subject().is_some_and(|id| self.picture.job(&id).is_some_and(fits))
    }

    /// Whether a command would do anything now. What would be refused is not offered.
    pub(crate) fn offers(&self, command: Command) -> bool {
        let is_list = self.job.is_none() && self.output.is_none();
        let is_pausable = matches!(self.tab, Tab::Workers | Tab::Queues | Tab::Crons);
        match command {
            Command::Back => !is_list || !self.view().filter.is_empty(),
            Command::Open => is_list && self.tab != Tab::Cluster && self.chosen().is_some(),
            Command::Output => self.output.is_none() && self.subject().is_some(),
            Command::Filter => self.output.is_some() || is_list && self.tab != Tab::Cluster,
            Command::NextMatch => {
                self.output.as_ref().is_some_and(|output| !output.words.is_empty())
            }
            Command::Cancel => {
                self.may_change
                    && self.subject_is(|job| !is_over(job) && job.status != "cancel_request")
            }
            Command::Delete => self.may_change && self.subject_is(|job| job.status != "deleted"),
            Command::Retry => {
                self.may_change && self.subject_is(|job| is_over(job) && job.status != "deleted")
            }
            Command::Pause => self.may_change && is_list && is_pausable && self.chosen().is_some(),
            Command::Sort | Command::Reverse => is_list,
            Command::Quit
            | Command::Help
            | Command::NextTab
            | Command::PreviousTab
            | Command::Show(_)
            | Command::Up
            | Command::Down
            | Command::PageUp
            | Command::PageDown
            | Command::First
            | Command::Last => true,
        }
    }

    /// What `p` would do to what is chosen.
    fn pausing(&self) -> Option<Deed> {
        let name = self.chosen()?;
        let picture = &self.picture;
        match self.tab {
            Tab::Queues => {
                let queue = picture.queues.iter().find(|queue| queue.action == name)?;
                Some(if queue.paused { Deed::ResumeQueue(name) } else { Deed::PauseQueue(name) })
            }
            Tab::Crons => {
                let cron = picture.crons.iter().find(|cron| cron.action == name)?;
                Some(if cron.is_paused { Deed::ResumeCron(name) } else { Deed::PauseCron(name) })
            }
            Tab::Workers => {
                let worker = picture.workers.iter().find(|worker| worker.id == name)?;
                Some(if worker.draining { Deed::ResumeWorker(name) } else { Deed::Drain(name) })
            }
            Tab::Jobs | Tab::Cluster => None,
        }
    }

    /// How long nothing was heard, if that is too long.
    pub(crate) fn silence(&self) -> Option<std::time::Duration> {
        let heard = self.picture.heard_at?;
        Some(self.now.steady.saturating_duration_since(heard))
            .filter(|length| *length > limits::SILENCE_MAX)
    }
}
