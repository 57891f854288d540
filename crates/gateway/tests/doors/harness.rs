//! A replica with its gateway, and the simplest possible client.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use serde_json::Value;
use stint_consensus::{Member, Replica, Timing};
use stint_core::{
    CapacityMap, Command, Epoch, Exit, ExitCause, Finished, Incarnation, JobId, LeaseId, Line,
    Registration, Reply, Span, Stream, WorkerId,
};
use stint_gateway::{Config, Gateway, Secret};
use stint_storage::{Disk, Identity, Output, Store};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// The longest that anything in these tests may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// One replica that is a cluster of its own, and its doors.
pub(crate) struct House {
    pub(crate) replica: Replica,
    pub(crate) address: SocketAddr,
    gateway: Option<Gateway>,
    output: Output,
    _dir: TempDir,
}

impl House {
    /// Starts it, and waits until it is ready.
    pub(crate) async fn start() -> Self {
        Self::with(Config::default()).await
    }

    /// The same with other bounds. It is open: tokens are not what most tests are about.
    pub(crate) async fn with(config: Config) -> Self {
        Self::ready(Config { is_open: true, ..config }).await
    }

    /// A closed one, and the secret of its first token.
    pub(crate) async fn closed() -> (Self, Secret) {
        Self::closed_with(Config::default()).await
    }

    /// The same with other bounds.
    pub(crate) async fn closed_with(config: Config) -> (Self, Secret) {
        let house = Self::ready(config).await;
        let secret = Secret::draw().expect("a secret");
        propose(&house, Command::Close { hash: secret.hash() }).await;
        (house, secret)
    }

    async fn ready(config: Config) -> Self {
        let house = Self::open(config, None).await;
        until("the replica to be ready", async || house.get("/readyz").await.status == 200).await;
        house
    }

    /// A house as it is, encrypted if `tls` says how, and perhaps not ready.
    pub(crate) async fn open(config: Config, tls: Option<stint_tls::Server>) -> Self {
        Self::open_on(config, tls, &Disk::default()).await
    }

    /// The same on a disk that is not quite the machine's.
    pub(crate) async fn open_on(
        config: Config,
        tls: Option<stint_tls::Server>,
        disk: &Disk,
    ) -> Self {
        let dir = TempDir::new().expect("a temporary directory");
        let id = WorkerId::new(0).expect("a small number");
        let cluster = [7; 16];
        let identity = Identity { replica: id.get(), cluster };
        let store = Store::open_on(dir.path(), identity, disk).expect("a store");
        let output = store.output.clone();
        let listen = || std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let (peers, clients) = (listen(), listen());
        let member = Member {
            peer_address: peers.local_addr().expect("an address").to_string(),
            client_address: clients.local_addr().expect("an address").to_string(),
        };
        let replica = Replica::start(
            stint_consensus::Config {
                id,
                cluster,
                founders: BTreeMap::from([(id, member)]),
                peer_listener: peers.into(),
                wall_clock: stint_consensus::WallClock::default(),
                peer_tls: None,
                timing: Timing::default(),
                keep: stint_consensus::Keep::default(),
            },
            store,
        );
        let replica = replica.await.expect("a replica");
        let gateway = Gateway::start(clients, replica.clone(), config, tls).expect("a gateway");
        Self { replica, address: gateway.local_addr(), gateway: Some(gateway), output, _dir: dir }
    }

    /// Takes the output of a job away from under the replica, as a damaged disk does, but for the
    /// batches that begin with these lines.
    pub(crate) async fn lose_output_but(&self, job: JobId, kept: &[u64]) {
        let record = self.replica.job(job).await.expect("an answer").expect("a job");
        let (period, id) = (record.created_at.day(), job.to_bytes());
        let batches = self.output.read(period, &id, 0, usize::MAX).expect("batches");
        self.output.delete(period, &id).expect("a deletion");
        for batch in batches.iter().filter(|batch| kept.contains(&batch.first_line)) {
            let (first, count) = (batch.first_line, batch.line_count);
            self.output.append(period, &id, first, count, &batch.bytes).expect("a batch");
        }
    }

    /// Stops the gateway, and then the replica.
    pub(crate) async fn stop(mut self) {
        self.gateway.take().expect("it stops once").shutdown().await;
        self.replica.shutdown().await.expect("a clean end");
    }

    /// It is about to stop.
    pub(crate) fn leave(&self) {
        self.gateway.as_ref().expect("it has not stopped").leave();
    }

    /// Stops the gateway alone.
    pub(crate) async fn shut_doors(&mut self) {
        self.gateway.take().expect("it stops once").shutdown().await;
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask(&format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")).await
    }

    /// Asks other doors than its own.
    pub(crate) async fn get_at(address: SocketAddr, path: &str) -> Answer {
        let mut stream = TcpStream::connect(address).await.expect("a connection");
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.expect("a request");
        Answer::read(&mut stream).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.ask(&format!("DELETE {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")).await
    }

    pub(crate) async fn post(&self, path: &str, body: &str) -> Answer {
        let length = body.len();
        self.ask(&format!(
            "POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        ))
        .await
    }

    /// Asks with this header `authorization`, if any.
    pub(crate) async fn ask_as(
        &self,
        method: &str,
        path: &str,
        authorization: &str,
        body: &str,
    ) -> Answer {
        let line = if authorization.is_empty() {
            ""
        } else {
            &format!("Authorization: {authorization}\r\n")
        };
        let length = body.len();
        self.ask(&format!(
            "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{line}\
             Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        ))
        .await
    }

    /// Sends literal bytes, and reads the answer to its end.
    pub(crate) async fn ask(&self, bytes: impl AsRef<[u8]>) -> Answer {
        let mut stream = self.connect().await;
        // A server that refuses early may close before all is sent; what counts is the answer.
        let _refused = stream.write_all(bytes.as_ref()).await.is_err();
        Answer::read(&mut stream).await
    }

    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.expect("a connection")
    }

    /// Submits a job, and gives its id.
    pub(crate) async fn submit(&self, body: &str) -> JobId {
        let answer = self.post("/api/v0/jobs", body).await;
        assert_eq!(answer.status, 202, "{answer:?}");
        answer.json()["id"].as_str().expect("an id").parse().expect("an id")
    }
}

/// A worker that does what a test says.
pub(crate) struct Puppet<'a> {
    house: &'a House,
    pub(crate) id: WorkerId,
    epoch: Epoch,
}

impl<'a> Puppet<'a> {
    /// Registers a worker with this capacity, which offers `say`.
    pub(crate) async fn register(house: &'a House, capacity: &[(&str, u64)]) -> Self {
        let id = house.replica.id();
        let registration = Registration {
            worker: id,
            incarnation: Incarnation(1),
            capacity: capacity.iter().map(|(name, n)| ((*name).to_owned(), *n)).collect(),
            actions: [("say".to_owned(), stint_core::ActionOffer::default())].into(),
            ttl: Span::from_ms(60_000),
        };
        let Reply::Registered { epoch } = propose(house, Command::Register(registration)).await
        else {
            panic!("the worker is not registered");
        };
        propose(house, Command::Confirm { worker: id, epoch }).await;
        Self { house, id, epoch }
    }

    /// Claims one job, and gives its lease.
    pub(crate) async fn claim(&self, job: JobId) -> LeaseId {
        let (worker, epoch) = (self.id, self.epoch);
        propose(self.house, Command::Claim { worker, epoch, max: 1 }).await;
        let lease = self.house.replica.with_state(|state| state.job(job).and_then(|j| j.lease()));
        lease.expect("the job runs")
    }

    /// Hands in lines of output.
    pub(crate) async fn print(&self, job: JobId, lease: LeaseId, first: u64, texts: &[&str]) {
        let lines = texts
            .iter()
            .map(|text| Line { stream: Stream::Out, text: (*text).to_owned() })
            .collect();
        let (worker, epoch) = (self.id, self.epoch);
        propose(self.house, Command::AppendLines { worker, epoch, job, lease, first, lines }).await;
    }

    /// Says that a job has ended with this exit code.
    pub(crate) async fn finish(&self, job: JobId, lease: LeaseId, code: i32) {
        let exit = Exit { cause: ExitCause::Own, code, signal: None };
        let (worker, epoch) = (self.id, self.epoch);
        let runs = vec![Finished { job, lease, exit }];
        propose(self.house, Command::Finish { worker, epoch, runs }).await;
    }

    /// Runs a job from its claim to its end, with these lines of output.
    pub(crate) async fn run(&self, job: JobId, texts: &[&str], code: i32) {
        let lease = self.claim(job).await;
        self.print(job, lease, 0, texts).await;
        self.finish(job, lease, code).await;
    }

    /// What it has, as the state says.
    pub(crate) fn capacity(&self) -> CapacityMap {
        self.house.replica.with_state(|state| {
            state.worker(self.id).map(|worker| worker.capacity().clone()).unwrap_or_default()
        })
    }
}

pub(crate) async fn propose(house: &House, command: Command) -> Reply {
    let shown = format!("{command:?}");
    let outcome = house.replica.propose(command).await.expect("an outcome");
    outcome.unwrap_or_else(|refusal| panic!("{shown}: {refusal}"))
}

/// Waits for a condition.
pub(crate) async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, waiting).await.is_ok(), "waited in vain for {what}");
}

/// Waits for a future, but not for ever.
pub(crate) async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    let outcome = tokio::time::timeout(PATIENCE, future).await;
    outcome.unwrap_or_else(|_| panic!("waited in vain for {what}"))
}

/// An answer as it came.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: String,
    /// Whether the body came to its end.
    pub(crate) is_whole: bool,
}

impl Answer {
    /// Reads one answer.
    pub(crate) async fn read(stream: &mut TcpStream) -> Self {
        soon("an answer", Self::read_at_leisure(stream)).await
    }

    async fn read_at_leisure(stream: &mut TcpStream) -> Self {
        let mut bytes = Vec::new();
        let end = loop {
            if let Some(end) = position(&bytes, b"\r\n\r\n") {
                break end;
            }
            let read = read_some(stream, &mut bytes).await;
            assert!(read, "no answer: {}", String::from_utf8_lossy(&bytes));
        };
        let head = String::from_utf8(bytes[..end].to_vec()).expect("ASCII");
        let mut lines = head.split("\r\n");
        let status = lines.next().and_then(|line| line.split(' ').nth(1)).expect("a status");
        let headers = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        let mut answer = Self {
            status: status.parse().expect("a number"),
            headers,
            body: String::new(),
            is_whole: true,
        };
        let mut rest = bytes[end + 4..].to_vec();
        if answer.header("transfer-encoding") == Some("chunked") {
            while position(&rest, b"0\r\n\r\n").is_none() && answer.is_whole {
                answer.is_whole = read_some(stream, &mut rest).await;
            }
            answer.body = dechunk(&rest);
        } else {
            let length = answer.header("content-length").map_or(0, |text| text.parse().unwrap());
            while rest.len() < length && answer.is_whole {
                answer.is_whole = read_some(stream, &mut rest).await;
            }
            answer.body = String::from_utf8(rest).expect("UTF-8");
        }
        answer
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The status, and the code in the error shape.
    pub(crate) fn refusal(&self) -> (u16, String) {
        let code = self.json()["errors"][0]["code"].as_str().map(str::to_owned);
        (self.status, code.unwrap_or_else(|| panic!("no code: {self:?}")))
    }
}

/// Appends what comes next; false at the end, or when the connection breaks.
pub(crate) async fn read_some(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> bool {
    matches!(stream.read_buf(bytes).await, Ok(count) if count > 0)
}

fn position(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

/// The contents of the chunks that are there, as text; a backup is none, and nobody here reads it.
fn dechunk(mut bytes: &[u8]) -> String {
    let mut whole = Vec::new();
    while let Some(end) = position(bytes, b"\r\n") {
        let size = std::str::from_utf8(&bytes[..end]).expect("a size");
        let size = usize::from_str_radix(size, 16).expect("a size");
        let chunk = bytes.get(end + 2..end + 2 + size).unwrap_or_default();
        whole.extend_from_slice(chunk);
        bytes = bytes.get(end + 4 + size..).unwrap_or_default();
    }
    if whole.starts_with(b"STINTBAK") {
        return "a backup".to_owned();
    }
    String::from_utf8(whole).expect("UTF-8")
}
