//! The calls of the command line to a cluster.

pub(crate) mod action;
pub(crate) mod action_config;
pub(crate) mod audit;
pub(crate) mod bulk;
pub(crate) mod cluster;
pub(crate) mod cron;
pub(crate) mod debug;
pub(crate) mod job;
pub(crate) mod queue;
pub(crate) mod settings;
pub(crate) mod token;
pub(crate) mod top;
pub(crate) mod watch;
pub(crate) mod worker;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use stint_client::Client;
use tokio::runtime::{Builder, Runtime};

use crate::args::Global;
use crate::exit::Usage;
use crate::print::Printer;

/// How long a call looks for a replica that answers, unless `--timeout` says otherwise: long enough
/// for an election, short enough for somebody who has forgotten to start the cluster.
pub(crate) const DEADLINE: Duration = Duration::from_secs(15);

/// What each call needs: the cluster, and how to print.
pub(crate) struct Caller {
    pub(crate) client: Client,
    /// The certificate of the authority, for more clients of the same cluster.
    pub(crate) ca: Option<PathBuf>,
    pub(crate) printer: Printer,
    /// Who calls, if anybody says so.
    pub(crate) token: Option<String>,
    /// How long to wait for a job; as long as it takes if `None`.
    pub(crate) patience: Option<Duration>,
}

impl Caller {
    pub(crate) fn new(global: &Global) -> anyhow::Result<Self> {
        let token = global.token()?;
        Ok(Self {
            client: client(
                &global.address,
                global.ca.as_deref(),
                token.as_deref(),
                global.timeout,
            )?,
            ca: global.ca.clone(),
            printer: Printer(global.output),
            token,
            patience: global.timeout,
        })
    }
}

/// A client of the replicas at `addresses`, encrypted if there is the certificate of an authority.
pub(crate) fn client(
    addresses: &[String],
    ca: Option<&Path>,
    token: Option<&str>,
    timeout: Option<Duration>,
) -> Result<Client, stint_client::Error> {
    let mut builder = Client::builder().endpoints(addresses).deadline(timeout.unwrap_or(DEADLINE));
    if let Some(ca) = ca {
        builder = builder.ca_certificate(ca);
    }
    match token {
        Some(token) => builder.token(token).build(),
        None => builder.build(),
    }
}

/// The parameters as the API has them, each name once.
pub(crate) fn parameters(given: Vec<(String, String)>) -> Result<BTreeMap<String, String>, Usage> {
    let mut parameters = BTreeMap::new();
    for (name, value) in given {
        if parameters.contains_key(&name) {
            return Err(Usage(format!("the parameter \"{name}\" is given twice")));
        }
        parameters.insert(name, value);
    }
    Ok(parameters)
}

/// A runtime for one call after the other.
pub(crate) fn runtime() -> anyhow::Result<Runtime> {
    Builder::new_current_thread().enable_all().build().context("the runtime cannot be started")
}
