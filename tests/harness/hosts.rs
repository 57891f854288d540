//! Machines of their own for the replicas of a cluster, as far as one machine can be several: each
//! has a network that can be cut, and a wall clock that can be set. Needs root, `ip`, `nsenter` and
//! libfaketime; losing some packets and not others, `iptables`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::program::STINT;

/// Where Debian and others put it.
const FAKETIME: &[&str] = &[
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/faketime/libfaketimeMT.so.1",
    "/usr/lib64/faketime/libfaketimeMT.so.1",
];

/// How many networks there are: 198.18.0.0/15 is for such tests.
const NETS: u32 = 512;

/// The machines of one cluster, on a network of their own. They are gone when this is dropped.
#[derive(Debug)]
pub(crate) struct Hosts {
    bridge: String,
    net: u32,
    /// The files that say by how much each clock is wrong.
    clocks: Vec<PathBuf>,
    faketime: &'static str,
}

impl Hosts {
    /// Makes `count` of them, on the network of this number, less than 512, or the next one that no
    /// other test has: one that was killed leaves its own behind.
    pub(crate) fn new(net: u32, count: usize, dir: &Path) -> Self {
        let faketime = FAKETIME.iter().find(|file| Path::new(file).exists());
        let faketime =
            faketime.expect("libfaketime is installed (Debian: apt install libfaketime)");
        let clocks = (0..count).map(|i| dir.join(format!("clock-{i}"))).collect();
        let net = (0..NETS).map(|next| (net + next) % NETS).find(|net| is_taken_up(*net));
        let net = net.expect("a network that no other test has");
        let hosts = Self { bridge: bridge(net), net, clocks, faketime };
        let Self { bridge, .. } = &hosts;
        ip(&["address", "add", &format!("{}/24", hosts.host(253)), "dev", bridge]);
        ip(&["link", "set", bridge, "up"]);
        for i in 0..count {
            let (space, cable) = (hosts.space(i), hosts.cable(i));
            ip(&["netns", "add", &space]);
            ip(&["link", "add", &cable, "type", "veth", "peer", "name", "eth0", "netns", &space]);
            ip(&["link", "set", &cable, "master", bridge, "up"]);
            let address = format!("{}/24", hosts.host(i));
            ip(&["-n", &space, "address", "add", &address, "dev", "eth0"]);
            ip(&["-n", &space, "link", "set", "lo", "up"]);
            ip(&["-n", &space, "link", "set", "eth0", "up"]);
            hosts.set_clock(i, 0);
        }
        hosts
    }

    /// Its address, in the range that is meant for such tests.
    pub(crate) fn host(&self, i: usize) -> String {
        format!("198.{}.{}.{}", 18 + self.net / 256, self.net % 256, i + 1)
    }

    /// The program on this machine.
    pub(crate) fn command(&self, i: usize) -> Command {
        let mut command = self.inside(i);
        command
            .arg("env")
            .arg(format!("LD_PRELOAD={}", self.faketime))
            .arg(format!("FAKETIME_TIMESTAMP_FILE={}", self.clocks[i].display()))
            .args(["FAKETIME_NO_CACHE=1", "FAKETIME_DONT_FAKE_MONOTONIC=1"])
            .arg(STINT);
        command
    }

    /// Something that runs on this machine, and is still to be named.
    pub(crate) fn inside(&self, i: usize) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net=/run/netns/{}", self.space(i)));
        command
    }

    /// Pulls its cable.
    pub(crate) fn cut(&self, i: usize) {
        ip(&["link", "set", &self.cable(i), "down"]);
    }

    /// Plugs it in again.
    pub(crate) fn mend(&self, i: usize) {
        ip(&["link", "set", &self.cable(i), "up"]);
    }

    /// From now on it hears nothing of that other one.
    pub(crate) fn deafen(&self, i: usize, to: usize) {
        self.filter(i, &["-A", "INPUT", "-s", &self.host(to), "-j", "DROP"]);
    }

    /// From now on each packet to it is lost with this probability, those of clients too.
    pub(crate) fn lose(&self, i: usize, probability: &str) {
        let random = ["-m", "statistic", "--mode", "random", "--probability", probability];
        self.filter(i, &[&["-A", "INPUT"], random.as_slice(), &["-j", "DROP"]].concat());
    }

    /// It hears everything again.
    pub(crate) fn hear(&self, i: usize) {
        self.filter(i, &["-F", "INPUT"]);
    }

    fn filter(&self, i: usize, rule: &[&str]) {
        let net = format!("--net=/run/netns/{}", self.space(i));
        let mut command = Command::new("nsenter");
        let output = command.args([&net, "iptables", "-w"]).args(rule).output();
        let output = output.expect("nsenter and iptables");
        assert!(output.status.success(), "{command:?}: {output:?}");
    }

    /// Sets its wall clock to so many seconds off the right time.
    pub(crate) fn set_clock(&self, i: usize, off_seconds: i64) {
        let new = self.clocks[i].with_extension("new");
        fs::write(&new, format!("{off_seconds:+}\n")).expect("a file");
        fs::rename(&new, &self.clocks[i]).expect("a file");
    }

    fn space(&self, i: usize) -> String {
        format!("{}-{i}", self.bridge)
    }

    /// The end of its cable that is in the bridge.
    fn cable(&self, i: usize) -> String {
        format!("{}v{i}", self.bridge)
    }
}

impl Drop for Hosts {
    fn drop(&mut self) {
        for i in 0..self.clocks.len() {
            // With it goes its end of the cable, and with that the other one.
            Command::new("ip").args(["netns", "delete", &self.space(i)]).status().ok();
        }
        Command::new("ip").args(["link", "delete", &self.bridge]).status().ok();
    }
}

fn bridge(net: u32) -> String {
    format!("stint-{net}")
}

/// Makes the bridge of this network, unless there is one: then another test has it.
fn is_taken_up(net: u32) -> bool {
    let args = ["link", "add", &bridge(net), "type", "bridge"];
    match try_ip(&args) {
        Ok(()) => true,
        Err(complaint) if complaint.contains("File exists") => false,
        Err(complaint) => panic!("ip {}: {complaint}", args.join(" ")),
    }
}

fn ip(args: &[&str]) {
    if let Err(complaint) = try_ip(args) {
        panic!("ip {}: {complaint}", args.join(" "));
    }
}

fn try_ip(args: &[&str]) -> Result<(), String> {
    let output = Command::new("ip").args(args).output().expect("ip, of iproute2");
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() { Ok(()) } else { Err(complaint) }
}
