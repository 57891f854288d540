//! `stint serve`: the composition root. One replica: its disk, its part in the log, its worker and
//! its doors, started in this order and stopped in the reverse.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use stint_consensus::Replica;
use stint_core::{TokenHash, WorkerId};
use stint_gateway::{Gateway, Inside};
use stint_storage::Store;
use stint_trace::Traces;
use stint_worker::Worker;

use crate::args::Serve;
use crate::certificates::{self, Certificates};
use crate::config::{Config, LogFormat};
use crate::exit::Exit;
use crate::reload::Reload;
use crate::stops::Reasons;
use crate::{config, first_token, init, logging, ownership, reset_admin, supervisor};

/// How long tasks that nobody waits for have at the very end.
const LINGER: Duration = Duration::from_secs(1);

pub(crate) fn run(args: &Serve) -> anyhow::Result<Exit> {
    let config = Config::load(&args.layered.layers()?)?;
    let inside = Arc::default();
    logging::start(&config.log, &inside)?;
    let format = config.log.format;
    match serve(config, args, inside) {
        // Whoever reads the log as JSON reads only that.
        Err(error) if format == LogFormat::Json => {
            tracing::error!(error = format!("{error:#}"), "this replica ends");
            Ok(Exit::of_error(&error))
        }
        outcome => outcome,
    }
}

fn serve(mut config: Config, args: &Serve, inside: Arc<Inside>) -> anyhow::Result<Exit> {
    is_prepared(&config, args)?;
    let layers = args.layered.layers()?;
    let fixed = config::fixed(&layers)?;
    inside.configured(config::told(&layers)?);
    config.doors.inside = Arc::clone(&inside);
    let certificates = Certificates::load(&config)?;
    let clients = bind("client_address", config.client_address)?;
    let peers = bind("peer_address", config.peer_address)?;
    let opened = Store::open(&config.data_dir, config.identity());
    let store = opened.map_err(|error| on_disk(config.id, error))?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("the runtime cannot be started")?;
    let outcome = runtime.block_on(async {
        let mut reasons = Reasons::listen(args.stop_on_stdin_eof)?;
        let hang_ups = certificates::hang_ups()?;
        let more_hang_ups = certificates::hang_ups()?;
        let parts = tokio::select! {
            parts = start(config, certificates.clone(), clients, peers, store) => parts?,
            why = reasons.next() => {
                tracing::info!(why, "stopped before everything was started");
                return Ok(Exit::Done);
            }
        };
        supervisor::ready();
        let worker = parts.worker.as_ref().map(Worker::reloader);
        let reload = Reload::new(layers, fixed, worker, parts.replica.clone(), inside);
        let (replica, watched) = (parts.replica.clone(), parts.replica.clone());
        tokio::select! {
            outcome = until_stopped(parts, reasons) => outcome,
            never = reload.on(more_hang_ups) => match never {},
            never = supervisor::keep_watched(watched) => match never {},
            never = certificates::keep_fresh(certificates, replica, hang_ups) => match never {},
        }
    });
    runtime.shutdown_timeout(LINGER);
    outcome
}

/// The parts of a replica that runs.
struct Parts {
    replica: Replica,
    gateway: Gateway,
    worker: Option<Worker>,
    traces: Traces,
    /// The hash of the first token, if this replica brings it.
    first_token: Option<TokenHash>,
    /// The hash of a token that was drawn here because all others are lost.
    reset_token: Option<TokenHash>,
    data_dir: PathBuf,
}

impl Parts {
    /// Returns when one of them has failed by itself, with why.
    async fn failed(&self) -> anyhow::Error {
        let worker = async {
            match &self.worker {
                Some(worker) => worker.failed().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            error = self.replica.failed() => error.into(),
            error = worker => error.into(),
            error = crate::traces::tell(&self.replica, &self.traces) => error.into(),
            error = first_token::close(&self.replica, self.first_token) => error,
            outcome = reset_admin::carry_out(&self.replica, &self.data_dir, self.reset_token) => {
                match outcome {
                    Ok(never) => match never {},
                    Err(error) => error,
                }
            }
        }
    }
}

async fn start(
    config: Config,
    certificates: Certificates,
    clients: TcpListener,
    peers: TcpListener,
    store: Store,
) -> anyhow::Result<Parts> {
    let first_token = first_token::hash(&config)?;
    let reset_token = reset_admin::waiting(&config.data_dir)?;
    let is_open = config.doors.is_open && first_token.is_none();
    let (id, data_dir) = (config.id, config.data_dir);
    tracing::info!(replica = %id, data_dir = %data_dir.display(), version = stint_consensus::VERSION, "starting");
    let taking_part = stint_consensus::Config {
        id,
        cluster: config.cluster,
        founders: config.founders,
        peer_listener: peers.into(),
        wall_clock: stint_consensus::WallClock::default(),
        peer_tls: certificates.peers,
        timing: config.timing,
        keep: stint_consensus::Keep::default(),
    };
    let replica = match Replica::start(taking_part, store).await {
        Err(stint_consensus::Error::Storage(error)) => return Err(on_disk(id, error)),
        started => started?,
    };
    if is_open {
        tracing::warn!(
            "insecure_open: whoever reaches this replica may call it, unless the cluster is closed"
        );
    }
    if !is_open && first_token.is_none() {
        tracing::info!("callers need a token; this replica does not bring the first one");
    }
    let traces = config.traces.as_ref().map(Traces::start).transpose()?.unwrap_or_default();
    let doors = stint_gateway::Config { is_open, traces: traces.clone(), ..config.doors };
    let gateway = Gateway::start(clients, replica.clone(), doors, certificates.clients)?;
    let worker = config.worker.map(|worker| Worker::start(replica.clone(), worker)).transpose()?;
    Ok(Parts { replica, gateway, worker, traces, first_token, reset_token, data_dir })
}

/// Runs until something says stop, and then stops, unless it is told so a second time.
async fn until_stopped(parts: Parts, mut reasons: Reasons) -> anyhow::Result<Exit> {
    let why = tokio::select! {
        why = reasons.next() => why,
        error = parts.failed() => return Err(error.context("this replica has failed")),
    };
    supervisor::stopping();
    tracing::info!(why, "stopping; a second signal ends the process at once");
    tokio::select! {
        outcome = stop(parts) => outcome,
        signal = reasons.second_signal() => bail!("{signal} while stopping: ended at once"),
    }
}

/// The worker first, while it can still say goodbye through the log; then the doors; then the log.
async fn stop(parts: Parts) -> anyhow::Result<Exit> {
    let Parts { replica, gateway, worker, traces, .. } = parts;
    gateway.leave();
    if let Some(worker) = worker {
        worker.shutdown().await;
    }
    gateway.shutdown().await;
    replica.shutdown().await?;
    tokio::task::spawn_blocking(move || traces.shutdown()).await?;
    tracing::info!("stopped");
    Ok(Exit::Done)
}

/// A directory is prepared once, by `stint init`. It is never made here: a replica whose disk was
/// lost or not mounted would forget what it has promised to the others.
fn is_prepared(config: &Config, args: &Serve) -> anyhow::Result<()> {
    ownership::may_write(&config.data_dir)?;
    if init::owner(&config.data_dir)?.is_some() {
        return Ok(());
    }
    let (id, dir) = (config.id, config.data_dir.display());
    let (how, of) = if config.founders.is_empty() {
        ("cluster join", "a cluster that runs, have it join once with")
    } else {
        ("init", "a NEW cluster, prepare it once with")
    };
    bail!(
        "{dir}: there is no data of replica {id}. If replica {id} has run before, its disk is lost \
         or not mounted: bring it back; it must not be prepared anew under its old id, because it \
         would not know what it has promised to the other replicas. If this is a NEW replica of \
         {of}: stint {how} --config {}",
        args.layered.config.display()
    )
}

/// What is wrong with the disk of a replica that does not start, and of damage what to do.
fn on_disk(replica: WorkerId, error: stint_storage::Error) -> anyhow::Error {
    if error.is_damage() {
        return anyhow::anyhow!("{}", stint_consensus::damage_in_words(&error, replica));
    }
    error.into()
}

fn bind(key: &str, address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).with_context(|| format!("{key}: cannot listen on {address}"))
}
