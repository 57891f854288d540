//! All that is known of the cluster, as it was told last.

use std::collections::BTreeMap;
use std::time::Instant;

use stint_client::v0::{
    Cron, GetClusterStatusResponse, GetStatisticsResponse, Job, LogLine, Queue, Sample, Worker,
};

/// What is asked for by itself, and can fail by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Topic {
    Jobs,
    Workers,
    Queues,
    Crons,
    Cluster,
    Statistics,
    Job,
    Output,
    Changes,
}

/// What replicas say of their cluster, as far as they were asked.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Seen {
    /// What the leader says, or else whoever answers.
    pub(crate) status: GetClusterStatusResponse,
    /// The replica that answered first.
    pub(crate) asked: String,
    /// What each replica says, by its id: of itself it knows best.
    pub(crate) own: BTreeMap<String, GetClusterStatusResponse>,
}

/// A job, and the jobs that it has submitted.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Detail {
    pub(crate) job: Job,
    pub(crate) children: Vec<Job>,
}

/// Something that has been found out.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum News {
    /// The jobs that were asked for, and whether there are more.
    Jobs(Vec<Job>, bool),
    Workers(Vec<Worker>),
    /// And why jobs of them wait, by action.
    Queues(Vec<Queue>, Option<BTreeMap<String, String>>),
    Crons(Vec<Cron>),
    Cluster(Box<Seen>),
    Statistics(GetStatisticsResponse),
    Job(Box<Detail>),
    /// Lines of this job's output.
    Lines(String, Vec<LogLine>),
    /// All lines of this job's output have come.
    OutputEnded(String),
    /// The stream of what happens is open, or open again.
    Watching,
    /// What was wanted could not be had.
    Trouble(Topic, String),
    /// What became of a change.
    Done(Result<String, String>),
}

/// All of it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Picture {
    pub(crate) jobs: Vec<Job>,
    pub(crate) has_more_jobs: bool,
    pub(crate) workers: Vec<Worker>,
    pub(crate) queues: Vec<Queue>,
    /// Why jobs wait, by action, as far as that was asked.
    pub(crate) reasons: BTreeMap<String, String>,
    pub(crate) crons: Vec<Cron>,
    pub(crate) cluster: Option<Seen>,
    pub(crate) samples: Vec<Sample>,
    /// How many jobs there are by status, live and over.
    pub(crate) counts: BTreeMap<String, u64>,
    pub(crate) interval_s: u64,
    pub(crate) job: Option<Detail>,
    /// What cannot be had now, and why.
    pub(crate) trouble: BTreeMap<Topic, String>,
    /// When something was heard last.
    pub(crate) heard_at: Option<Instant>,
}

impl Picture {
    /// Takes in what has been found out. What people want to be told of it is returned.
    pub(crate) fn take(&mut self, news: News, now: Instant) -> Option<String> {
        if let News::Trouble(topic, why) = news {
            self.trouble.insert(topic, why);
            return None;
        }
        self.heard_at = Some(now);
        match news {
            News::Jobs(jobs, has_more) => {
                self.trouble.remove(&Topic::Jobs);
                (self.jobs, self.has_more_jobs) = (jobs, has_more);
            }
            News::Workers(workers) => {
                self.trouble.remove(&Topic::Workers);
                self.workers = workers;
            }
            News::Queues(queues, reasons) => {
                self.trouble.remove(&Topic::Queues);
                self.queues = queues;
                self.reasons = reasons.unwrap_or_else(|| std::mem::take(&mut self.reasons));
            }
            News::Crons(crons) => {
                self.trouble.remove(&Topic::Crons);
                self.crons = crons;
            }
            News::Cluster(seen) => {
                self.trouble.remove(&Topic::Cluster);
                let told = self.cluster.as_ref().and_then(|before| changed(before, &seen));
                self.cluster = Some(*seen);
                return told;
            }
            News::Statistics(statistics) => {
                self.trouble.remove(&Topic::Statistics);
                (self.samples, self.interval_s) = (statistics.samples, statistics.interval_seconds);
                self.counts = statistics.jobs;
            }
            News::Job(detail) => {
                self.trouble.remove(&Topic::Job);
                self.job = Some(*detail);
            }
            News::Watching => {
                self.trouble.remove(&Topic::Changes);
            }
            News::Lines(..) | News::OutputEnded(_) => {
                self.trouble.remove(&Topic::Output);
            }
            News::Trouble(..) | News::Done(_) => {}
        }
        None
    }

    /// The job of this id, as it was seen last.
    pub(crate) fn job(&self, id: &str) -> Option<&Job> {
        let detail = self.job.as_ref().map(|detail| &detail.job);
        detail.into_iter().chain(&self.jobs).find(|job| job.id == id)
    }
}

/// What is to be said of two looks at the cluster.
fn changed(before: &Seen, after: &Seen) -> Option<String> {
    let (was, is) = (&before.status.leader, &after.status.leader);
    let mut said = Vec::new();
    if before.asked != after.asked {
        said.push(format!("{} does not answer, {} is asked", before.asked, after.asked));
    }
    if was != is {
        said.push(if is.is_empty() {
            format!("{was} leads no more, and nobody does yet")
        } else {
            format!("{is} leads now")
        });
    }
    (!said.is_empty()).then(|| said.join("; "))
}
