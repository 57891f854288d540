//! A cluster of real processes, each with its own directory and its own loopback address.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};

use serde_json::Value;
use tempfile::TempDir;

use super::certificates::{Authority, peer_name};
use super::hosts::Hosts;
use super::http::{self, Answer};
use super::program::STINT;
use super::{tls, wait_for};

/// What a test wants of its cluster beyond the defaults.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    pub(crate) replicas: usize,
    /// TOML: the inline table of capacities of every worker.
    pub(crate) capacity: &'static str,
    /// TOML: `[actions.NAME]` tables of every replica.
    pub(crate) actions: &'static str,
    /// How long a worker's lease lasts.
    pub(crate) lease_ttl: &'static str,
    /// Whether all connections are encrypted.
    pub(crate) tls: bool,
    /// Whether callers need a token; the first one is the cluster's own in all that it asks.
    pub(crate) is_closed: bool,
    /// The backup that the replicas are restored from, as a cluster of another id.
    pub(crate) backup: Option<PathBuf>,
    /// Whether each replica is on a machine of its own, with a network and a clock. Needs root.
    pub(crate) has_hosts: bool,
    /// How many more such machines there are, for replicas that join.
    pub(crate) spare_hosts: usize,
    /// Where each replica has its data, such as a disk of its own; beside its configuration if there
    /// is none.
    pub(crate) data_dirs: Vec<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            replicas: 3,
            capacity: "{}",
            actions: "",
            lease_ttl: "2s",
            tls: false,
            is_closed: false,
            backup: None,
            has_hosts: false,
            spare_hosts: 0,
            data_dirs: Vec::new(),
        }
    }
}

/// One replica: its place, and its process while it lives.
#[derive(Debug)]
pub(crate) struct Replica {
    pub(crate) id: String,
    /// Where clients reach it: `host:port`.
    pub(crate) address: String,
    pub(crate) config: PathBuf,
    pub(crate) data_dir: PathBuf,
    /// What it runs.
    pub(crate) program: PathBuf,
    pub(super) log: PathBuf,
    pub(super) child: Option<Child>,
}

impl Replica {
    /// Whether it has a process, as far as anybody has looked.
    pub(crate) fn is_running(&self) -> bool {
        self.child.is_some()
    }
}

/// The cluster. Its processes end with it.
#[derive(Debug)]
pub(crate) struct Cluster {
    pub(crate) replicas: Vec<Replica>,
    authority: Option<Authority>,
    /// The first token of a closed cluster.
    pub(crate) admin: Option<String>,
    hosts: Option<Hosts>,
    pub(super) dir: TempDir,
}

/// The id of a cluster that is restored.
const RESTORED: &str = "f0e0d0c0b0a090807060504030201000";

/// Counts the clusters of this test process, so that each has addresses of its own.
static CLUSTERS: AtomicU8 = AtomicU8::new(1);

impl Cluster {
    /// Starts a cluster and waits until it has a leader and all its workers.
    pub(crate) fn start(options: &Options) -> Self {
        let mut cluster = Self::prepare(options);
        for i in 0..options.replicas {
            cluster.spawn(i);
        }
        cluster.wait_until_whole();
        cluster
    }

    /// Writes configurations and data directories, and starts nothing.
    pub(crate) fn prepare(options: &Options) -> Self {
        let dir = TempDir::new().expect("a temporary directory");
        // The whole of 127.0.0.0/8 is loopback: the test process and the cluster choose the net,
        // so that no test waits for another's ports.
        let net = 16 + std::process::id() % 200;
        let number = CLUSTERS.fetch_add(1, Ordering::Relaxed);
        let hosts = options.has_hosts.then(|| {
            let net = (std::process::id() * 8 + u32::from(number)) % 512;
            Hosts::new(net, options.replicas + options.spare_hosts, dir.path())
        });
        let replicas: Vec<_> = (1..=options.replicas)
            .map(|i| {
                let own = || format!("127.{net}.{number}.{i}");
                let host = hosts.as_ref().map_or_else(own, |hosts| hosts.host(i - 1));
                let base = dir.path().join(i.to_string());
                Replica {
                    id: format!("{i:012x}"),
                    address: format!("{host}:7400"),
                    config: base.with_extension("toml"),
                    log: base.with_extension("log"),
                    data_dir: options.data_dirs.get(i - 1).cloned().unwrap_or(base),
                    program: STINT.into(),
                    child: None,
                }
            })
            .collect();
        let authority = options.tls.then(|| Authority::new(dir.path()));
        let mut admin = None;
        for replica in &replicas {
            fs::write(&replica.config, config(replica, &replicas, options)).expect("a config file");
            if let Some(authority) = &authority {
                certify(replica, authority, dir.path());
            }
            let mut args = match &options.backup {
                None => vec!["init", "--config", path(&replica.config)],
                Some(file) => vec!["restore", "--config", path(&replica.config), path(file)],
            };
            if options.is_closed && options.backup.is_none() && replica.id == replicas[0].id {
                args.extend(["--admin-token-file", "-"]);
            }
            let run = super::program::stint(&args);
            assert_eq!(run.code, Some(0), "stint init: {run:?}");
            if args.contains(&"-") {
                admin = Some(run.out.trim().to_owned());
            }
        }
        Self { replicas, authority, admin, hosts, dir }
    }

    /// Starts replica `i`.
    pub(crate) fn spawn(&mut self, i: usize) {
        let replica = &mut self.replicas[i];
        assert!(replica.child.is_none(), "replica {i} runs already");
        let log = File::options().create(true).append(true).open(&replica.log).expect("a log file");
        let program = self.hosts.as_ref().map(|hosts| hosts.command(i));
        let child = program
            .unwrap_or_else(|| Command::new(&replica.program))
            .args(["serve", "--stop-on-stdin-eof", "--config", path(&replica.config)])
            .env("STINT_FAILPOINTS_FILE", replica.config.with_extension("failpoints"))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("a replica starts");
        replica.child = Some(child);
    }

    /// Waits until there is a leader and every worker lives.
    pub(crate) fn wait_until_whole(&self) {
        let count = self.replicas.iter().filter(|replica| replica.child.is_some()).count();
        for (i, replica) in self.replicas.iter().enumerate() {
            if replica.child.is_some() {
                wait_for(&format!("all workers, as replica {i} says"), || self.workers(i, count));
            }
        }
    }

    fn workers(&self, i: usize, count: usize) -> Result<(), String> {
        let answer = self.get(i, "/api/v0/workers")?;
        let json = answer.json();
        let workers = json.get("workers").and_then(Value::as_array).cloned().unwrap_or_default();
        let live = workers.iter().filter(|worker| worker["status"] == "running").count();
        if live == count { Ok(()) } else { Err(format!("{answer:?}\n{}", self.log_tail(i))) }
    }

    /// GET from replica `i`.
    pub(crate) fn get(&self, i: usize, path: &str) -> Result<Answer, String> {
        self.ask(i, "GET", path, None)
    }

    /// POST to replica `i`.
    pub(crate) fn post(&self, i: usize, path: &str, body: &str) -> Result<Answer, String> {
        self.ask(i, "POST", path, Some(body))
    }

    /// DELETE at replica `i`.
    pub(crate) fn delete(&self, i: usize, path: &str) -> Result<Answer, String> {
        self.ask(i, "DELETE", path, None)
    }

    fn ask(
        &self,
        i: usize,
        method: &str,
        path: &str,
        body: Option<&str>,
    ) -> Result<Answer, String> {
        let bearer = self.admin.as_ref().map(|token| format!("Bearer {token}"));
        let address = &self.replicas[i].address;
        match self.ca() {
            Some(ca) => tls::ask(address, ca, (method, path), bearer.as_deref(), body),
            None => http::ask(address, method, path, bearer.as_deref(), body),
        }
    }

    /// Submits a job at replica `i`, which must accept it, and gives its id.
    pub(crate) fn submit(&self, i: usize, body: &str) -> String {
        let answer = self.post(i, "/api/v0/jobs", body).expect("an answer");
        assert_eq!(answer.status, 202, "{answer:?}");
        answer.json()["id"].as_str().expect("an id").to_owned()
    }

    /// The job, as replica `i` answers.
    pub(crate) fn job(&self, i: usize, id: &str) -> Value {
        wait_for("the job", || {
            let answer = self.get(i, &format!("/api/v0/jobs/{id}"))?;
            if answer.status == 200 { Ok(answer.json()) } else { Err(format!("{answer:?}")) }
        })
    }

    /// All jobs that this query is about, as replica `i` lists them.
    pub(crate) fn list(&self, i: usize, query: &str) -> Result<Vec<Value>, String> {
        let (mut jobs, mut after) = (Vec::new(), String::new());
        loop {
            let path = format!("/api/v0/jobs?{query}&limit=1000&after={after}");
            let answer = self.get(i, &path)?;
            if answer.status != 200 {
                return Err(format!("{answer:?}"));
            }
            let page = answer.json();
            jobs.extend(page["jobs"].as_array().into_iter().flatten().cloned());
            match page["next"].as_str() {
                Some(next) => next.clone_into(&mut after),
                None => return Ok(jobs),
            }
        }
    }

    /// Waits until the job has this status, and gives it.
    pub(crate) fn wait_for_status(&self, i: usize, id: &str, status: &str) -> Value {
        wait_for(&format!("job {id} to be {status}"), || {
            let job = self.job(i, id);
            if job["status"] == status { Ok(job) } else { Err(job) }
        })
    }

    /// Which replica leads, by its own word.
    pub(crate) fn leader(&self) -> usize {
        wait_for("a leader", || {
            let mut seen = Vec::new();
            for (i, replica) in self.replicas.iter().enumerate() {
                if replica.child.is_none() {
                    continue;
                }
                let answer = self.get(i, "/api/v0/meta/cluster_status");
                if let Ok(answer) = &answer
                    && answer.status == 200
                    && answer.json()["leaderID"] == replica.id.as_str()
                {
                    return Ok(i);
                }
                seen.push(answer);
            }
            Err(seen)
        })
    }

    /// Who has signed all certificates of an encrypted cluster.
    pub(crate) fn authority(&self) -> Option<&Authority> {
        self.authority.as_ref()
    }

    /// The file of its certificate.
    pub(crate) fn ca(&self) -> Option<&Path> {
        self.authority().map(|authority| authority.certificate.as_path())
    }

    /// The machines of its replicas, if it has asked for them.
    pub(crate) fn hosts(&self) -> &Hosts {
        self.hosts.as_ref().expect("machines of their own")
    }

    /// The process of a replica that runs.
    pub(crate) fn pid(&self, i: usize) -> u32 {
        self.replicas[i].child.as_ref().expect("the replica runs").id()
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self, i: usize) {
        let mut child = self.replicas[i].child.take().expect("the replica runs");
        child.kill().expect("a signal can be sent");
        child.wait().expect("a killed process ends");
    }

    /// Waits until a replica has ended by itself, and gives the exit code.
    pub(crate) fn wait_for_end(&mut self, i: usize) -> Option<i32> {
        let child = self.replicas[i].child.as_mut().expect("the replica runs");
        let status = wait_for("the replica to end", || match child.try_wait() {
            Ok(Some(status)) => Ok(status),
            other => Err(other),
        });
        self.replicas[i].child = None;
        status.code()
    }

    /// How a replica has ended by itself, once.
    pub(crate) fn try_wait(&mut self, i: usize) -> Option<ExitStatus> {
        let status =
            self.replicas[i].child.as_mut()?.try_wait().expect("a process can be waited for")?;
        self.replicas[i].child = None;
        Some(status)
    }

    /// Whether a replica has ended by itself.
    pub(crate) fn has_ended(&mut self, i: usize) -> bool {
        let child = self.replicas[i].child.as_mut().expect("the replica runs");
        let has_ended = matches!(child.try_wait(), Ok(Some(_)));
        if has_ended {
            self.replicas[i].child = None;
        }
        has_ended
    }

    /// SIGTERM, and the exit code.
    pub(crate) fn stop(&mut self, i: usize) -> Option<i32> {
        let mut child = self.replicas[i].child.take().expect("the replica runs");
        // Waiting would close its standard input, which stops it as well.
        let stdin = child.stdin.take();
        self.signal(&child, rustix::process::Signal::TERM);
        let status = child.wait().expect("a stopped process ends");
        drop(stdin);
        status.code()
    }

    /// SIGTERM, without waiting for what comes of it.
    pub(crate) fn begin_to_stop(&self, i: usize) {
        let child = self.replicas[i].child.as_ref().expect("the replica runs");
        self.signal(child, rustix::process::Signal::TERM);
    }

    /// SIGSTOP.
    pub(crate) fn pause(&self, i: usize) {
        let child = self.replicas[i].child.as_ref().expect("the replica runs");
        self.signal(child, rustix::process::Signal::STOP);
    }

    /// SIGCONT.
    pub(crate) fn resume(&self, i: usize) {
        let child = self.replicas[i].child.as_ref().expect("the replica runs");
        self.signal(child, rustix::process::Signal::CONT);
    }

    /// SIGHUP.
    pub(crate) fn hang_up(&self, i: usize) {
        let child = self.replicas[i].child.as_ref().expect("the replica runs");
        self.signal(child, rustix::process::Signal::HUP);
    }

    #[expect(clippy::unused_self, reason = "a signal goes to processes of this cluster only")]
    fn signal(&self, child: &Child, signal: rustix::process::Signal) {
        let pid = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw);
        rustix::process::kill_process(pid.expect("a pid"), signal).expect("a signal can be sent");
    }

    /// The addresses of all replicas, as the command line takes them.
    pub(crate) fn addresses(&self) -> String {
        self.replicas.iter().map(|replica| replica.address.as_str()).collect::<Vec<_>>().join(",")
    }

    /// The directory that is removed with the cluster.
    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// All that replica `i` wrote to its log.
    pub(crate) fn log(&self, i: usize) -> String {
        fs::read_to_string(&self.replicas[i].log).unwrap_or_default()
    }

    /// What replica `i` wrote last to its log.
    pub(crate) fn log_tail(&self, i: usize) -> String {
        let text = self.log(i);
        let lines: Vec<_> = text.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for i in 0..self.replicas.len() {
            if self.replicas[i].child.is_some() {
                self.resume(i);
                self.kill(i);
            }
            #[expect(clippy::print_stderr, reason = "a failed test shows what its replicas said")]
            if std::thread::panicking() {
                eprintln!("--- replica {i}\n{}", self.log_tail(i));
            }
        }
        for replica in &self.replicas {
            super::freezer::remove_leftovers(&replica.data_dir);
        }
    }
}

/// A configuration. A replica that is not among the founders joins them.
pub(super) fn config(replica: &Replica, all: &[Replica], options: &Options) -> String {
    let host = |replica: &Replica| {
        replica.address.strip_suffix(":7400").expect("the client port").to_owned()
    };
    let mut text = format!(
        "[replica]\nid = \"{}\"\ndata_dir = \"{}\"\nclient_address = \"{}\"\n\
         peer_address = \"{}:7500\"\ninsecure_open = {}\ninsecure_plain_text = {}\n\n[cluster]\nid = \"{}\"\n",
        replica.id,
        replica.data_dir.display(),
        replica.address,
        host(replica),
        !options.is_closed,
        options.has_hosts && !options.tls,
        if options.backup.is_none() { "000102030405060708090a0b0c0d0e0f" } else { RESTORED },
    );
    if !all.iter().any(|founder| founder.id == replica.id) {
        let advertised = format!(
            "[replica]\nadvertise_client = \"{}\"\nadvertise_peer = \"{}:7500\"\n",
            replica.address,
            host(replica)
        );
        text = text.replace("[replica]\n", &advertised);
    }
    if options.tls {
        text.push_str(&tls_table(replica));
    }
    for member in all {
        let (id, client, peer) = (&member.id, &member.address, host(member));
        writeln!(
            text,
            "\n[[cluster.members]]\nid = \"{id}\"\nclient_address = \"{client}\"\n\
             peer_address = \"{peer}:7500\"",
        )
        .expect("a string takes all");
    }
    write!(
        text,
        "\n[worker]\nlease_ttl = \"{}\"\ncapacity = {}\n\n{}",
        options.lease_ttl, options.capacity, options.actions
    )
    .expect("a string takes all");
    text
}

/// `[tls]` with files beside the configuration.
fn tls_table(replica: &Replica) -> String {
    let base = replica.config.with_extension("");
    let (base, ca) = (base.display(), replica.config.with_file_name("peer-ca.pem"));
    format!(
        "\n[tls]\nclient_certificate = \"{base}-client.pem\"\nclient_key = \"{base}-client.key\"\nclient_ca = \"{0}\"\n\
         peer_certificate = \"{base}-peer.pem\"\npeer_key = \"{base}-peer.key\"\n\
         peer_ca = \"{0}\"\n",
        ca.display()
    )
}

/// Makes the files that `tls_table` names.
pub(super) fn certify(replica: &Replica, authority: &Authority, dir: &Path) {
    let number = replica.config.file_stem().expect("a name").to_string_lossy();
    let host = replica.address.strip_suffix(":7400").expect("the client port");
    authority.sign(host, &dir.join(format!("{number}-client")));
    authority.sign(&peer_name(&replica.id), &dir.join(format!("{number}-peer")));
    fs::copy(&authority.certificate, dir.join("peer-ca.pem")).expect("a file");
}

pub(crate) fn path(path: &Path) -> &str {
    path.to_str().expect("temporary directories have names in UTF-8")
}
