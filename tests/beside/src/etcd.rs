//! Three members of etcd, as processes, at their default settings.

pub(crate) mod load;
mod wire;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use tonic::transport::{Channel, Endpoint};

use wire::{Kv, PutRequest};

/// How many: as many as stint has replicas.
const MEMBERS: u16 = 3;

/// How long the cluster may take until it takes a value.
const START_MAX: Duration = Duration::from_mins(1);

const LOOK_INTERVAL: Duration = Duration::from_millis(50);

/// How long a client waits for a value to be taken while there may be no leader, and how long it
/// waits until it tries again.
const PUT_MAX: Duration = Duration::from_millis(100);
const RETRY_PAUSE: Duration = Duration::from_millis(5);

/// A cluster that ends with this.
pub(crate) struct Etcd {
    dir: PathBuf,
    port: u16,
    members: Vec<Child>,
}

impl Etcd {
    pub(crate) async fn start(dir: &Path, port: u16) -> anyhow::Result<Self> {
        let mut etcd = Self { dir: dir.to_owned(), port, members: Vec::new() };
        for n in 0..MEMBERS {
            let member = etcd.spawn(n)?;
            etcd.members.push(member);
        }
        etcd.wait().await?;
        Ok(etcd)
    }

    fn client_url(&self, n: u16) -> String {
        format!("http://127.0.0.1:{}", self.port + 2 * n)
    }

    fn peer_url(&self, n: u16) -> String {
        format!("http://127.0.0.1:{}", self.port + 2 * n + 1)
    }

    fn spawn(&self, n: u16) -> anyhow::Result<Child> {
        let all: Vec<_> = (0..MEMBERS).map(|n| format!("m{n}={}", self.peer_url(n))).collect();
        let log = self.dir.join(format!("m{n}.log"));
        let log = File::options().create(true).append(true).open(&log).context("a log")?;
        let (client, peer) = (self.client_url(n), self.peer_url(n));
        Command::new("etcd")
            .args(["--name", &format!("m{n}"), "--initial-cluster-state", "new"])
            .arg("--data-dir")
            .arg(self.dir.join(format!("m{n}")))
            .args(["--listen-client-urls", &client, "--advertise-client-urls", &client])
            .args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer])
            .args(["--initial-cluster", &all.join(",")])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .context("etcd cannot be started: install Debian's etcd-server")
    }

    pub(crate) fn pids(&self) -> Vec<u32> {
        self.members.iter().map(Child::id).collect()
    }

    /// A connection to a member of its own.
    pub(crate) fn connection(&self, n: u16) -> anyhow::Result<Kv> {
        Ok(Kv::new(channel(&self.client_url(n % MEMBERS))?))
    }

    /// Waits until each member takes a value.
    async fn wait(&self) -> anyhow::Result<()> {
        let began = Instant::now();
        for n in 0..MEMBERS {
            let mut kv = self.connection(n)?;
            let probe = || PutRequest { key: b"probe".to_vec(), value: b"1".to_vec(), lease: 0 };
            while let Err(status) = kv.put(probe()).await {
                if began.elapsed() > START_MAX {
                    bail!("etcd takes nothing: {status}; its logs are in {}", self.dir.display());
                }
                tokio::time::sleep(LOOK_INTERVAL).await;
            }
        }
        Ok(())
    }

    /// Which of them leads.
    async fn leader(&self) -> anyhow::Result<u16> {
        for n in 0..MEMBERS {
            let status = wire::status(channel(&self.client_url(n))?).await?;
            if status.header.is_some_and(|header| header.member_id == status.leader) {
                return Ok(n);
            }
        }
        bail!("no member of etcd leads")
    }

    /// Kills the leader, and says how long no value was taken. Two clients ask, one at each of those
    /// that are left, and the first answer counts.
    pub(crate) async fn outage(&mut self) -> anyhow::Result<Duration> {
        let leader = self.leader().await?;
        let mut left = Vec::new();
        for n in (0..MEMBERS).filter(|n| *n != leader) {
            let mut kv = self.connection(n)?;
            for _ in 0..50 {
                kv.put(load::record(b"warm", 0)).await.context("a value before the kill")?;
            }
            left.push(kv);
        }
        let place = usize::from(leader);
        let child = self.members.get_mut(place).context("the leader's process")?;
        let killed = Instant::now();
        child.kill().context("the leader cannot be killed")?;
        let mut asked = tokio::task::JoinSet::new();
        for mut kv in left {
            asked.spawn(async move {
                // What a follower has sent to the dead leader is lost, and is answered after seconds.
                while !is_taken(&mut kv).await {
                    tokio::time::sleep(RETRY_PAUSE).await;
                }
            });
        }
        let first = tokio::time::timeout(START_MAX, asked.join_next()).await;
        let took = killed.elapsed();
        asked.shutdown().await;
        if first.is_err() {
            bail!("etcd takes nothing a minute after its leader was killed");
        }
        child.wait().context("the leader's end")?;
        let again = self.spawn(leader)?;
        if let Some(member) = self.members.get_mut(place) {
            *member = again;
        }
        self.wait().await?;
        Ok(took)
    }
}

impl Drop for Etcd {
    fn drop(&mut self) {
        for member in &mut self.members {
            // What has ended by itself cannot be killed, and needs not.
            drop(member.kill());
            drop(member.wait());
        }
    }
}

async fn is_taken(kv: &mut Kv) -> bool {
    let put = kv.put(load::record(b"next", 0));
    matches!(tokio::time::timeout(PUT_MAX, put).await, Ok(Ok(_)))
}

fn channel(url: &str) -> anyhow::Result<Channel> {
    let endpoint = Endpoint::from_shared(url.to_owned()).context("an address")?;
    Ok(endpoint.tcp_nodelay(true).connect_timeout(Duration::from_secs(2)).connect_lazy())
}
