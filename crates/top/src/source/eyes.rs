//! Looks at what is wanted: one call of the API for each.

use std::collections::BTreeMap;
use std::time::SystemTime;

use futures_util::future::join_all;
use stint_client::v0::{GetClusterStatusResponse, Job, ListJobsRequest, Queue};
use stint_client::{Client, Code, Error, Timestamp};

use crate::app::{Tab, Wanted};
use crate::picture::{Detail, News, Seen};
use crate::{Options, limits};

/// Queues whose jobs are asked why they wait: those that a screen has room for.
const REASONS_MAX: usize = 16;

/// Pages of a list that are asked for, where they are short.
const PAGES_MAX: usize = 8;

/// Replicas that have a client: a cluster has no more members.
const REPLICAS_MAX: usize = 16;

/// A client of the cluster, and one of each replica.
#[derive(Clone)]
pub(crate) struct Eyes {
    options: Options,
    addresses: Vec<String>,
    client: Client,
    /// By their addresses.
    replicas: BTreeMap<String, Client>,
}

impl Eyes {
    /// Asks which replicas there are: where one is lost, the others are asked, also those that nobody
    /// has named.
    ///
    /// # Errors
    /// That none answers, or what is wrong with the addresses.
    pub(crate) async fn open(options: &Options) -> Result<Self, Error> {
        let mut addresses = options.addresses.clone();
        let client = (options.connect)(&addresses, options.patience)?;
        for member in client.cluster_status().await?.members {
            if !addresses.iter().any(|known| known.ends_with(&member.client_address)) {
                addresses.push(member.client_address);
            }
        }
        let patience = limits::LOOK_MAX.min(options.patience);
        let client = (options.connect)(&addresses, patience)?;
        Ok(Self { options: options.clone(), addresses, client, replicas: BTreeMap::new() })
    }

    pub(crate) fn addresses(&self) -> &[String] {
        &self.addresses
    }

    pub(crate) fn client(&self) -> Client {
        self.client.clone()
    }

    /// Looks at all that is shown.
    ///
    /// # Errors
    /// The first thing that fails.
    pub(crate) async fn look(&mut self, wanted: &Wanted) -> Result<Vec<News>, Error> {
        let client = &self.client;
        let mut news = Vec::new();
        if let Some(id) = &wanted.job {
            news.push(News::Job(Box::new(detail(client, id).await?)));
        }
        match wanted.tab {
            Tab::Jobs => {
                let (jobs, has_more) = jobs(client, wanted).await?;
                news.push(News::Jobs(jobs, has_more));
            }
            Tab::Workers => news.push(News::Workers(client.list_workers().await?)),
            Tab::Crons => news.push(News::Crons(client.list_crons().await?)),
            Tab::Queues | Tab::Cluster => {}
        }
        // The line above everything is made of them.
        let queues = client.list_queues().await?;
        let reasons = match wanted.tab {
            Tab::Queues => Some(reasons(client, &queues).await?),
            Tab::Jobs | Tab::Workers | Tab::Crons | Tab::Cluster => None,
        };
        news.push(News::Queues(queues, reasons));
        Ok(news)
    }

    /// How the replicas are: as whoever answers and the leader say it, and each of itself if wanted.
    ///
    /// # Errors
    /// That none answers.
    pub(crate) async fn status(&mut self, is_each_asked: bool) -> Result<News, Error> {
        let status = self.client.cluster_status().await?;
        let asked = status.replica.clone();
        let others: Vec<_> = status
            .members
            .iter()
            .filter(|member| member.id != asked && (is_each_asked || member.is_leader))
            .map(|member| member.client_address.clone())
            .collect();
        let clients: Vec<_> = others.iter().filter_map(|address| self.replica(address)).collect();
        let answers = join_all(clients.iter().map(Client::cluster_status)).await;
        let mut own: BTreeMap<String, GetClusterStatusResponse> =
            answers.into_iter().flatten().map(|answer| (answer.replica.clone(), answer)).collect();
        own.insert(asked.clone(), status.clone());
        let by_leader = own.get(&status.leader).cloned();
        Ok(News::Cluster(Box::new(Seen { status: by_leader.unwrap_or(status), asked, own })))
    }

    /// # Errors
    /// That no replica answers.
    pub(crate) async fn statistics(&self) -> Result<News, Error> {
        Ok(News::Statistics(self.client.statistics(None).await?))
    }

    /// A client of one replica, if its address is one.
    fn replica(&mut self, address: &str) -> Option<Client> {
        if let Some(known) = self.replicas.get(address) {
            return Some(known.clone());
        }
        let client = (self.options.connect)(&[address.to_owned()], limits::OTHERS_MAX).ok()?;
        if self.replicas.len() >= REPLICAS_MAX {
            self.replicas.clear();
        }
        self.replicas.insert(address.to_owned(), client.clone());
        Some(client)
    }
}

/// The jobs that are wanted, and whether there may be more. A page can be short where few jobs fit: then
/// some more are asked for, but never all of a history.
async fn jobs(client: &Client, wanted: &Wanted) -> Result<(Vec<Job>, bool), Error> {
    let mut request = wanted.filter.request(wanted.limit);
    let mut jobs = Vec::new();
    for _ in 0..PAGES_MAX {
        let page = client.page_jobs(request.clone()).await?;
        jobs.extend(page.jobs);
        let found = u32::try_from(jobs.len()).unwrap_or(u32::MAX);
        if page.next.is_empty() {
            return Ok((jobs, false));
        }
        if found >= wanted.limit {
            break;
        }
        (request.after, request.limit) = (page.next, Some(wanted.limit - found));
    }
    Ok((jobs, true))
}

async fn detail(client: &Client, id: &str) -> Result<Detail, Error> {
    let job = match client.get_job(id).await {
        Ok(job) => job,
        // A deleted job is in no list, and that is worth showing.
        Err(Error::Refused { code: Code::NoSuchJob, .. }) => {
            let status = "deleted".to_owned();
            let job = Job {
                id: id.to_owned(),
                retry_from_id: id.to_owned(),
                status,
                ..Default::default()
            };
            return Ok(Detail { job, children: Vec::new() });
        }
        Err(error) => return Err(error),
    };
    let mut children = Vec::new();
    if job.children_left.is_some() {
        let (parent, limit) = (id.to_owned(), Some(limits::CHILDREN_MAX));
        let request = ListJobsRequest { parent, limit, ..Default::default() };
        children = client.page_jobs(request).await?.jobs;
    }
    Ok(Detail { job, children })
}

/// Why jobs of these queues wait, by action: of each what one that is due says.
async fn reasons(client: &Client, queues: &[Queue]) -> Result<BTreeMap<String, String>, Error> {
    let mut reasons = BTreeMap::new();
    let waiting = queues.iter().filter(|queue| queue.due > 0 && !queue.paused);
    for queue in waiting.take(REASONS_MAX) {
        let request = ListJobsRequest {
            action: queue.action.clone(),
            status: "waiting".to_owned(),
            until: Some(Timestamp::from(SystemTime::now())),
            limit: Some(1),
            ..Default::default()
        };
        let page = client.page_jobs(request).await?;
        if let Some(job) = page.jobs.into_iter().find(|job| !job.wait_reason.is_empty()) {
            reasons.insert(queue.action.clone(), job.wait_reason);
        }
    }
    Ok(reasons)
}
