//! What `stint dev` is going to run: where, on which ports, with which actions.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use tempfile::TempDir;

use super::replica::Replica;
use crate::args::Dev;
use crate::config;
use crate::init::hex;

/// How many replicas: the fewest that survive the loss of one.
const COUNT: u16 = 3;

/// The actions if nobody gives others. They show output, capacity and failure.
const DEMO_ACTIONS: &str = r#"# Counts to N, a line a second. The parameter N comes as STINT_PARAM_N; {{ and }} are braces.
[actions.count]
command = ["sh", "-c", 'for i in $(seq "${{STINT_PARAM_N:-10}}"); do echo "$i"; sleep 1; done']

# Two that take capacity, as in: stint job submit scan --capacity scan=1
[actions.scan]
command = ["sh", "-c", 'echo "scanning"; sleep 5; echo "nothing found"']
stop_timeout = "2s"

[actions.scanCheck]
command = ["sh", "-c", 'echo "checking"; sleep 2; echo "checked"']

# Fails two times out of three, for: stint job submit flaky --retries 5
[actions.flaky]
command = ["sh", "-c", 'echo "attempt under lease $STINT_LEASE"; [ $(($$ % 3)) -eq 0 ]']
backoff = "1s"
"#;

/// All that is known before anything runs.
pub(super) struct Plan {
    dir: PathBuf,
    temporary: Option<TempDir>,
    pub(super) places: Vec<Place>,
    pub(super) actions: String,
    capacity: BTreeMap<String, u64>,
    lease_ttl: Duration,
    pub(super) has_default_ports: bool,
}

/// Where one replica is.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) id: String,
    pub(super) client_port: u16,
    pub(super) peer_port: u16,
    pub(super) config: PathBuf,
    pub(super) data_dir: PathBuf,
    pub(super) log: PathBuf,
}

impl Plan {
    pub(super) fn new(args: &Dev) -> anyhow::Result<Self> {
        let actions = match &args.actions {
            Some(file) => config::read_actions(file)?,
            None => DEMO_ACTIONS.to_owned(),
        };
        let (client_ports, peer_ports) = (ports(args.client_port)?, ports(args.peer_port)?);
        if client_ports.iter().any(|port| peer_ports.contains(port)) {
            bail!(
                "--client-port and --peer-port: each is the first of {COUNT} ports, and they overlap"
            );
        }
        let (dir, temporary) = if let Some(dir) = &args.data_dir {
            (absolute(dir)?, None)
        } else {
            let dir = temporary_dir()?;
            (dir.path().to_owned(), Some(dir))
        };
        let place = |(n, (client_port, peer_port)): (u16, (u16, u16))| {
            let id = format!("{n:012x}");
            Place {
                config: dir.join(format!("{id}.toml")),
                data_dir: dir.join(&id),
                log: dir.join(format!("{id}.log")),
                id,
                client_port,
                peer_port,
            }
        };
        let places = (1..).zip(client_ports.into_iter().zip(peer_ports)).map(place).collect();
        Ok(Self {
            dir,
            temporary,
            places,
            actions,
            capacity: args.capacity.iter().cloned().collect(),
            lease_ttl: args.lease_ttl,
            has_default_ports: args.client_port == 7401,
        })
    }

    pub(super) fn count(&self) -> usize {
        self.places.len()
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(super) fn is_kept(&self) -> bool {
        self.temporary.is_none()
    }

    /// Where clients reach the replicas.
    pub(super) fn addresses(&self) -> Vec<String> {
        self.places.iter().map(Place::client_address).collect()
    }

    /// Starts all replicas. If one cannot be started, the others stop, for nobody holds them.
    pub(super) fn spawn_all(&self) -> anyhow::Result<Vec<Replica>> {
        self.places.iter().map(Replica::spawn).collect()
    }

    /// The configuration of one of the replicas.
    pub(super) fn config(&self, place: &Place, cluster: [u8; 16]) -> String {
        let mut text = format!(
            "# Written by `stint dev`, anew at each start.\n\n\
             [replica]\nid = \"{}\"\ndata_dir = {}\nclient_address = \"{}\"\n\
             peer_address = \"{}\"\ninsecure_open = true\n\n[cluster]\nid = \"{}\"\n\n",
            place.id,
            quoted(&place.data_dir.to_string_lossy()),
            place.client_address(),
            place.peer_address(),
            hex(cluster),
        );
        let mut add = |part: std::fmt::Arguments<'_>| {
            text.write_fmt(part).expect("a String takes whatever is written");
        };
        for member in &self.places {
            add(format_args!(
                "[[cluster.members]]\nid = \"{}\"\nclient_address = \"{}\"\n\
                 peer_address = \"{}\"\n\n",
                member.id,
                member.client_address(),
                member.peer_address()
            ));
        }
        let ttl = self.lease_ttl.as_millis();
        add(format_args!("[worker]\nlease_ttl = \"{ttl}ms\"\ndrain_limit = \"2s\"\n\n"));
        add(format_args!("[worker.capacity]\n"));
        for (name, amount) in &self.capacity {
            add(format_args!("{} = {amount}\n", quoted(name)));
        }
        add(format_args!("\n{}", self.actions));
        text
    }
}

impl Place {
    pub(super) fn client_address(&self) -> String {
        format!("127.0.0.1:{}", self.client_port)
    }

    pub(super) fn peer_address(&self) -> String {
        format!("127.0.0.1:{}", self.peer_port)
    }
}

fn ports(first: u16) -> anyhow::Result<Vec<u16>> {
    let ports: Option<Vec<_>> = (0..COUNT).map(|i| first.checked_add(i)).collect();
    match ports {
        Some(ports) if first > 0 => Ok(ports),
        _ => bail!("port {first}: {COUNT} ports from there on are needed"),
    }
}

fn temporary_dir() -> anyhow::Result<TempDir> {
    tempfile::Builder::new()
        .prefix("stint-dev-")
        .tempdir()
        .context("a temporary directory cannot be made")
}

/// The replicas read the path in their configuration, from wherever they are started again.
fn absolute(dir: &Path) -> anyhow::Result<PathBuf> {
    std::path::absolute(dir).with_context(|| format!("{}: no such place", dir.display()))
}

/// A text as TOML writes it.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::config::Config;

    pub(in crate::dev) fn plan(dir: &Path) -> Plan {
        Plan::new(&Dev {
            data_dir: Some(dir.to_owned()),
            client_port: 7401,
            peer_port: 7501,
            actions: None,
            capacity: vec![("scan".into(), 1), ("scan.check".into(), 2)],
            lease_ttl: Duration::from_millis(1_500),
        })
        .unwrap()
    }

    #[test]
    fn each_replica_gets_a_configuration_that_serve_accepts() {
        let dir = tempfile::tempdir().unwrap();
        let plan = plan(&dir.path().join("with \"quotes\""));
        std::fs::create_dir(plan.dir()).unwrap();
        for place in &plan.places {
            std::fs::write(&place.config, plan.config(place, [7; 16])).unwrap();
            let config = Config::of_file(&place.config).unwrap();
            assert_eq!(config.id.to_string(), place.id);
            assert_eq!(config.cluster, [7; 16]);
            assert_eq!(config.data_dir, place.data_dir);
            assert_eq!(config.client_address.port(), place.client_port);
            assert_eq!(config.founders.len(), 3);
            assert!(config.worker.is_some());
        }
    }

    #[test]
    fn ports_that_do_not_exist_or_overlap_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        for (client_port, peer_port) in [(65_534, 7501), (0, 7501), (7401, 7403), (7403, 7401)] {
            let args = Dev {
                data_dir: Some(dir.path().to_owned()),
                client_port,
                peer_port,
                actions: None,
                capacity: Vec::new(),
                lease_ttl: Duration::from_secs(5),
            };
            assert!(Plan::new(&args).is_err(), "{client_port} {peer_port}");
        }
    }
}
