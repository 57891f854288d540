//! What one client among others feels of one that takes all that it can get.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use stint_client::{Client, Code, Error, WatchRange, v0};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::harness::{Cluster, Options};

/// Rounds of the quiet client: a submission, a look at the job, and a list, one after the other.
const ROUNDS: usize = 200;

/// So many are enough where they take long; the 99th of a hundred is then the longest of them.
const ROUNDS_MIN: usize = 50;

/// What the shouting one has under way at a time.
const SHOUTS: usize = 500;

/// Jobs that lists are of.
const JOBS: usize = 1_000;

/// By how much the 99th of a hundred rounds may take longer under any flood. The floods and the
/// measurement share the processors with the three replicas.
const FACTOR_MAX: u32 = 20;

/// And what is fast enough in any case: a factor of nearly nothing says nothing.
const FAST: Duration = Duration::from_millis(100);

/// How many entries before the latest one a flood of watches begins.
const LOOK_BACK: u64 = 1_000;

/// By when a flood has to have begun, and for how long it is measured if rounds take long.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flood {
    Submissions,
    Lists,
    /// Watches that begin anew again and again.
    Streams,
    /// Watches that go on, and are told of all that anybody does.
    Listeners,
    LargeBodies,
}

const FLOODS: [Flood; 5] =
    [Flood::Submissions, Flood::Lists, Flood::Streams, Flood::Listeners, Flood::LargeBodies];

/// How long rounds took, and each of their three steps.
struct Figures {
    round: Vec<Duration>,
    steps: [Vec<Duration>; 3],
}

impl Figures {
    fn p99(&self) -> Duration {
        at(&self.round, 99)
    }
}

fn at(sorted: &[Duration], percent: usize) -> Duration {
    sorted[(sorted.len() * percent / 100).min(sorted.len() - 1)]
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |times: &[Duration], percent| at(times, percent).as_secs_f64() * 1e3;
        write!(f, "p50 {:7.1} ms  p99 {:7.1} ms", ms(&self.round, 50), ms(&self.round, 99))?;
        for (name, step) in ["submit", "get", "list"].iter().zip(&self.steps) {
            write!(f, "  {name} {:.1}/{:.1}", ms(step, 50), ms(step, 99))?;
        }
        Ok(())
    }
}

/// Where somebody asks, and who that is.
#[derive(Clone)]
struct Way {
    address: String,
    token: String,
}

impl Way {
    fn client(&self) -> Client {
        let builder = Client::builder().endpoints([self.address.clone()]).token(&self.token);
        builder.deadline(Duration::from_secs(30)).build().expect("a client")
    }
}

fn noop() -> v0::SubmitJobRequest {
    v0::SubmitJobRequest { action: "noop".to_owned(), ..Default::default() }
}

/// Gives a user a token.
fn give(cluster: &Cluster, user: &str) -> String {
    let body = format!(r#"{{"user":"{user}","role":"operator"}}"#);
    let answer = cluster.post(0, "/api/v0/tokens", &body).expect("an answer");
    assert_eq!(answer.status, 201, "{answer:?}");
    answer.json()["secret"].as_str().expect("a secret").to_owned()
}

/// How long the rounds of the quiet client take. It has a thread of its own, as a client elsewhere has:
/// among the tasks of the flood it would wait for what those do with their answers.
async fn rounds(way: &Way) -> Figures {
    let way = way.clone();
    let alone = tokio::task::spawn_blocking(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(rounds_here(&way))
    });
    alone.await.expect("the rounds")
}

async fn rounds_here(way: &Way) -> Figures {
    let client = way.client();
    let (mut round, mut steps) = (Vec::new(), [Vec::new(), Vec::new(), Vec::new()]);
    let end = Instant::now() + PATIENCE;
    while round.len() < ROUNDS && (round.len() < ROUNDS_MIN || Instant::now() < end) {
        let mut at = vec![Instant::now()];
        let job = client.submit_job(noop()).await.expect("a job");
        at.push(Instant::now());
        client.get_job(&job.id).await.expect("the job");
        at.push(Instant::now());
        let list = v0::ListJobsRequest { limit: Some(10), ..Default::default() };
        client.list_jobs(list).await.expect("a list");
        at.push(Instant::now());
        round.push(at[3] - at[0]);
        for (step, times) in steps.iter_mut().zip(at.windows(2)) {
            step.push(times[1] - times[0]);
        }
    }
    round.sort_unstable();
    for step in &mut steps {
        step.sort_unstable();
    }
    Figures { round, steps }
}

/// The index of the entry that comes next.
async fn next_index(client: &Client) -> Result<u64, Error> {
    let mut watch = client.watch(WatchRange { from: None, kinds: Vec::new() });
    watch.next().await.map(|message| message.next)
}

/// One of many that shout, until it is over. Counts what it has been given.
async fn shout(flood: Flood, way: Way, is_over: Arc<AtomicBool>, given: Arc<AtomicU64>) {
    let client = way.client();
    let mut from = 0;
    let mut listener = client.watch(WatchRange { from: None, kinds: Vec::new() });
    while !is_over.load(Ordering::Relaxed) {
        let outcome = match flood {
            Flood::Submissions => client.submit_job(noop()).await.map(drop),
            Flood::Lists => {
                let list = v0::ListJobsRequest { limit: Some(0), ..Default::default() };
                client.list_jobs(list).await.map(drop)
            }
            Flood::Streams => {
                let range = WatchRange { from: Some(from), kinds: Vec::new() };
                client.watch(range).next().await.map(drop)
            }
            // Each begins with a bookmark, and another one comes if nobody does anything.
            Flood::Listeners => listener.next().await.map(drop),
            Flood::LargeBodies => {
                large_body(&way).await;
                Ok(())
            }
        };
        match outcome {
            Ok(()) => given.fetch_add(1, Ordering::Relaxed),
            // What it begins with is forgotten while others go on.
            Err(Error::Refused { code: Code::Compacted, .. }) => {
                from =
                    next_index(&client).await.map_or(from, |next| next.saturating_sub(LOOK_BACK));
                0
            }
            // That it is refused is what it has to expect.
            Err(Error::Refused { code: Code::TooManyRequests, .. } | Error::Unreachable { .. }) => {
                0
            }
            Err(error) => panic!("{flood:?}: {error}"),
        };
    }
}

/// A submission of nearly a megabyte that means nothing, whatever becomes of it.
async fn large_body(way: &Way) {
    static BODY: LazyLock<String> =
        LazyLock::new(|| format!("{{\"action\":\"noop\",\"x\":[{}0]}}", "0,".repeat(450_000)));
    let head = format!(
        "POST /api/v0/jobs HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nConnection: close\r\n\
         Content-Length: {}\r\n\r\n",
        way.token,
        BODY.len()
    );
    let Ok(mut stream) = TcpStream::connect(&way.address).await else { return };
    if stream.write_all(head.as_bytes()).await.is_ok() {
        let _refused_early = stream.write_all(BODY.as_bytes()).await.is_err();
        let mut answer = Vec::new();
        let _broken_off = stream.read_to_end(&mut answer).await.is_err();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "it measures: for an idle machine, with --release and --nocapture"]
#[expect(clippy::print_stdout, reason = "the figures are what it is for")]
async fn no_flood_of_one_client_makes_others_wait_twenty_times_as_long() {
    let cluster = Cluster::start(&Options { is_closed: true, ..Options::default() });
    let (ann, bob) = (give(&cluster, "ann"), give(&cluster, "bob"));
    let way = |i: usize, token: &String| Way {
        address: cluster.replicas[i].address.clone(),
        token: token.clone(),
    };
    let client = way(0, &bob).client();
    for _ in 0..JOBS {
        client.submit_job(noop()).await.expect("a job");
    }
    // The replica that leads is where most comes together.
    let leader = cluster.leader();
    let (loud, quiet) = (way(leader, &ann), way(leader, &bob));
    let alone = rounds(&quiet).await;
    println!("{:37}{alone}", "alone");
    let mut slow = Vec::new();
    for flood in FLOODS {
        let (is_over, given) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let mut shouts = JoinSet::new();
        for _ in 0..SHOUTS {
            shouts.spawn(shout(flood, loud.clone(), Arc::clone(&is_over), Arc::clone(&given)));
        }
        let begun = async {
            while given.load(Ordering::Relaxed) < 20 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(PATIENCE, begun).await.expect("the flood begins");
        let (start, before) = (Instant::now(), given.load(Ordering::Relaxed));
        let among = rounds(&quiet).await;
        let given = given.load(Ordering::Relaxed) - before;
        let rate = u64::from(u32::MAX).min(given * 1_000)
            / u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX).max(1);
        is_over.store(true, Ordering::Relaxed);
        while let Some(outcome) = shouts.join_next().await {
            outcome.expect("a flood");
        }
        let factor = among.p99().as_secs_f64() / alone.p99().as_secs_f64();
        println!("{:11} {factor:5.1} times  {rate:6}/s given  {among}", format!("{flood:?}"));
        if among.p99() > FAST.max(alone.p99() * FACTOR_MAX) {
            slow.push(format!("{flood:?}: {among}, alone {alone}"));
        }
    }
    assert!(slow.is_empty(), "{slow:#?}");
}
