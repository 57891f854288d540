//! The handle on the worker of one replica.

use std::path::PathBuf;
use std::sync::Arc;

use stint_consensus::Replica;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

use crate::agent::Agent;
use crate::cgroup::Cgroups;
use crate::config::{Action, Config};
use crate::error::Error;
use crate::guardian::program::Program;
use crate::lease::Lease;
use crate::orphans::Notes;
use crate::run::Context;

/// The worker of one replica, at work from its start on.
///
/// Dropping it without [`Worker::shutdown`] kills what it runs and tells the cluster nothing.
#[derive(Debug)]
pub struct Worker {
    agent: JoinHandle<()>,
    shutdown: Option<oneshot::Sender<()>>,
    config: watch::Sender<Config>,
    failure: watch::Receiver<Option<stint_consensus::Error>>,
}

impl Worker {
    /// Begins to work: ends what a former life of this worker left running, registers, and claims.
    /// Returns before any of that is done. Must be called within a runtime.
    ///
    /// # Errors
    /// [`Error::Config`] if the configuration cannot be worked by, [`Error::Io`] if the operating
    /// system refuses a directory or a timer.
    pub fn start(replica: Replica, config: Config) -> Result<Self, Error> {
        config.check()?;
        let notes = Arc::new(Notes::open(&config.data_dir)?);
        let lease = if config.runner.is_some() { Ok(Lease::simulated()) } else { Lease::new() };
        let lease = lease.map_err(|source| Error::Io {
            what: "have a timer for",
            path: PathBuf::from("the worker's lease"),
            source,
        })?;
        let program = match &config.program {
            Some(path) => Program::open(path).map_err(|source| Error::Io {
                what: "start guardians from",
                path: path.clone(),
                source,
            })?,
            None => Program::find(),
        };
        let program = Arc::new(program);
        let ca = config.ca.as_deref().map(Arc::from);
        let runner = config.runner.clone();
        let context = Context { replica, lease: Arc::new(lease), notes, program, ca, runner };
        warn_of_limits(&config, &context.notes.cgroups);
        let (shutdown, asked) = oneshot::channel();
        let (sender, configs) = watch::channel(config);
        let (failed, failure) = watch::channel(None);
        let agent = Agent::new(context, configs, asked);
        let agent = tokio::spawn(async move {
            if let Err(error) = agent.work().await {
                failed.send_replace(Some(error));
            }
        });
        Ok(Self { agent, shutdown: Some(shutdown), config: sender, failure })
    }

    /// What changes its configuration while it works.
    pub fn reloader(&self) -> Reloader {
        Reloader(self.config.clone())
    }

    /// Claims nothing any more, ends what runs (SIGTERM, then SIGKILL after the job's own stop
    /// timeout, at the latest at the drain limit), reports it and says goodbye. Returns when that
    /// is done, or a few seconds after the last run has ended if the cluster does not answer, or
    /// after the drain limit if the operating system cannot end a process.
    pub async fn shutdown(mut self) {
        if let Some(shutdown) = self.shutdown.take() {
            // An agent that has ended by itself does not listen any more.
            shutdown.send(()).ok();
        }
        if let Err(error) = (&mut self.agent).await {
            tracing::error!(%error, "the worker crashed, which is a bug");
        }
    }

    /// Returns when the worker has ended by itself, with why: [`Error::ReplicaStopped`] or
    /// [`Error::Crashed`]. What it ran has been killed by then.
    pub async fn failed(&self) -> Error {
        let mut failure = self.failure.clone();
        let failed = failure.wait_for(Option::is_some).await.ok().and_then(|error| error.clone());
        failed.map_or(Error::Crashed, Error::ReplicaStopped)
    }
}

/// Changes the configuration of a worker while it works.
#[derive(Debug, Clone)]
pub struct Reloader(watch::Sender<Config>);

impl Reloader {
    /// Has the worker go on by `config`: it offers those actions and that capacity under the same
    /// lease, and starts by it what it starts from now on. What runs keeps what it began with. The
    /// directory, the length of the lease and the authority are those that it was started with.
    ///
    /// # Errors
    /// [`Error::Config`] if it cannot work by that; nothing has changed then.
    pub fn reload(&self, config: Config) -> Result<(), Error> {
        config.check()?;
        self.0.send_modify(|current| {
            let data_dir = std::mem::take(&mut current.data_dir);
            let program = std::mem::take(&mut current.program);
            let ca = std::mem::take(&mut current.ca);
            let runner = std::mem::take(&mut current.runner);
            *current = Config { data_dir, program, ca, runner, ttl: current.ttl, ..config };
        });
        Ok(())
    }
}

/// Says which limits of actions this machine keeps in another way than they are meant.
pub(crate) fn warn_of_limits(config: &Config, cgroups: &Cgroups) {
    for (name, Action { confinement, .. }) in &config.actions {
        let lacking = cgroups.lacking(confinement);
        if lacking.memory {
            tracing::warn!(
                action = name,
                "no memory cgroup is to be had: the limit on memory is one on the address space of \
                 each process"
            );
        }
        if lacking.pids {
            tracing::warn!(
                action = name,
                "no pids cgroup is to be had: the limit on processes counts all that the user of \
                 the job has, and does not hold for root"
            );
        }
        let wants_another = confinement.user.is_some() || confinement.group.is_some();
        if wants_another && !rustix::process::geteuid().is_root() {
            tracing::warn!(
                action = name,
                "it is to run as another user or group, for which this worker would have to be root"
            );
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.agent.abort();
    }
}
