//! systemd as a replica sees it: a socket to which it says how it is.

use std::os::unix::net::UnixDatagram;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::harness::program::STINT;
use crate::harness::{Cluster, Options, PATIENCE};

/// How long a replica may be silent before it is taken for dead.
const WATCHDOG: Duration = Duration::from_secs(1);

struct Systemd {
    socket: UnixDatagram,
    replica: Child,
}

impl Systemd {
    fn start(cluster: &Cluster) -> Self {
        let path = cluster.dir().join("notify");
        let socket = UnixDatagram::bind(&path).expect("a socket");
        let replica = Command::new(STINT)
            .args(["serve", "--stop-on-stdin-eof", "--config"])
            .arg(&cluster.replicas[0].config)
            .env("NOTIFY_SOCKET", path)
            .env("WATCHDOG_USEC", WATCHDOG.as_micros().to_string())
            .stdin(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("a replica");
        Self { socket, replica }
    }

    /// The next thing it says, if it says one in time.
    fn hears(&self, within: Duration) -> Option<String> {
        self.socket.set_read_timeout(Some(within)).expect("a timeout");
        let mut bytes = [0; 1_024];
        let length = self.socket.recv(&mut bytes).ok()?;
        Some(String::from_utf8_lossy(&bytes[..length]).into_owned())
    }

    /// Waits until it says this.
    fn waits_for(&self, word: &str) -> String {
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            if let Some(said) = self.hears(PATIENCE).filter(|said| said.contains(word)) {
                return said;
            }
        }
        panic!("the replica did not say {word}");
    }

    fn sends(&self, signal: Signal) {
        let pid = Pid::from_child(&self.replica);
        kill_process(pid, signal).expect("a signal can be sent");
    }
}

impl Drop for Systemd {
    fn drop(&mut self) {
        self.sends(Signal::CONT);
        self.replica.kill().expect("a signal can be sent");
        self.replica.wait().expect("a killed process ends");
    }
}

#[test]
fn systemd_is_told_when_a_replica_is_ready_alive_and_stopping() {
    let cluster = Cluster::prepare(&Options { replicas: 1, ..Options::default() });
    let systemd = Systemd::start(&cluster);
    systemd.waits_for("READY=1");
    let alive = systemd.waits_for("WATCHDOG=1");
    assert!(alive.contains(&format!("STATUS=replica {}", cluster.replicas[0].id)), "{alive}");
    let status = systemd.waits_for("STATUS=replica 000000000001: leader 000000000001");
    assert!(status.contains("applied "), "{status}");
    systemd.sends(Signal::TERM);
    systemd.waits_for("STOPPING=1");
}

#[test]
fn a_replica_that_hangs_gives_no_sign_of_life_and_one_that_goes_on_does() {
    let cluster = Cluster::prepare(&Options { replicas: 1, ..Options::default() });
    let systemd = Systemd::start(&cluster);
    systemd.waits_for("WATCHDOG=1");
    systemd.sends(Signal::STOP);
    // What was sent before is still in the socket; after that there is silence.
    let silent =
        std::iter::repeat_with(|| systemd.hears(2 * WATCHDOG)).take(100).any(|said| said.is_none());
    assert!(silent, "a stopped process still speaks");
    systemd.sends(Signal::CONT);
    systemd.waits_for("WATCHDOG=1");
}
