//! Configurations, right and wrong, as an operator writes them.

use std::path::Path;
use std::time::Duration;

use super::*;

const GOOD: &str = r#"[replica]
id = "000000000001"
data_dir = "data"
client_address = "127.0.0.1:7400"
peer_address = "127.0.0.1:7500"

[cluster]
id = "000102030405060708090a0b0c0d0e0f"

[[cluster.members]]
id = "000000000001"
peer_address = "127.0.0.1:7500"
client_address = "127.0.0.1:7400"

[[cluster.members]]
id = "000000000002"
peer_address = "127.0.0.1:7501"
client_address = "127.0.0.1:7401"

[raft]
heartbeat = "50ms"

[worker]
lease_ttl = "2s"
capacity = { scan = 1 }

[log]
level = "info"

[actions.say]
command = ["echo", "{param:what}"]
environment = { A = "b" }
deadline = "1m"
on_worker_loss = "abandon"
backoff = "1s"
parameters.what = { pattern = "[a-z]*" }
"#;

fn parse(text: &str) -> Result<Config, Error> {
    check::config(Source::of_file(Path::new("/etc/stint/stint.toml"), text))
}

/// The error of GOOD with one text replaced, and the line of the replacement.
fn wrong(from: &str, to: &str) -> (String, usize) {
    assert!(GOOD.contains(from), "{from}");
    let (before, _) = GOOD.split_once(from).unwrap();
    let error = parse(&GOOD.replacen(from, to, 1)).expect_err(to).to_string();
    (error, 1 + before.matches('\n').count())
}

#[test]
fn a_good_configuration_means_what_it_says() {
    let config = parse(GOOD).unwrap();
    assert_eq!(config.id.to_string(), "000000000001");
    assert_eq!(config.data_dir, Path::new("/etc/stint/data"), "relative to the file");
    assert_eq!(config.founders.len(), 2);
    assert!(!config.doors.is_open, "callers need a token unless somebody says otherwise");
    assert_eq!(config.admin_token_hash, None);
    assert_eq!(config.timing.heartbeat, Duration::from_millis(50));
    assert_eq!(config.timing.election_min, Timing::default().election_min);
    assert_eq!(config.log, Log { format: LogFormat::Text, level: "info".into() });
    let worker = config.worker.unwrap();
    assert_eq!(worker.ttl, Duration::from_secs(2));
    assert_eq!(worker.capacity.amount("scan"), 1);
    assert_eq!(worker.data_dir, config.data_dir);
    let say = &worker.actions["say"];
    assert_eq!(say.defaults.deadline, stint_core::Timeout::parse("1m").unwrap());
    assert_eq!(say.traits.on_worker_loss, stint_core::OnWorkerLoss::Abandon);
    assert_eq!(say.environment["A"], "b");
}

#[test]
fn how_fast_snapshots_go_is_the_operators_to_say() {
    assert_eq!(parse(GOOD).unwrap().timing.snapshot_bytes_per_second, 64 << 20);
    let slower = "heartbeat = \"50ms\"\nsnapshot_bytes_per_second = \"8MiB\"";
    let config = parse(&GOOD.replace("heartbeat = \"50ms\"", slower)).unwrap();
    assert_eq!(config.timing.snapshot_bytes_per_second, 8 << 20);
}

#[test]
fn a_cluster_is_open_or_has_a_first_token_and_never_both() {
    let open = GOOD.replacen("[cluster]", "insecure_open = true\n\n[cluster]", 1);
    assert!(parse(&open).unwrap().doors.is_open);
    let hash = format!("admin_token_hash = \"{}\"\n\n[[cluster", "0a".repeat(32));
    let closed = GOOD.replacen("[[cluster", &hash, 1);
    let config = parse(&closed).unwrap();
    assert_eq!(config.admin_token_hash, Some(TokenHash([0x0a; 32])));
    assert!(!config.doors.is_open);
    let both = open.replacen("[[cluster", &hash, 1);
    let error = parse(&both).unwrap_err().to_string();
    assert!(error.contains("leave out one of them"), "{error}");
}

#[test]
fn pages_are_let_in_by_their_exact_origins() {
    assert!(parse(GOOD).unwrap().doors.allowed_origins.is_empty(), "none by default");
    let with = |origins: &str| {
        let key = format!("allowed_origins = {origins}\n\n[cluster]");
        GOOD.replacen("[cluster]", &key, 1)
    };
    let two = parse(&with(r#"["https://a.example", "http://localhost:3000"]"#)).unwrap();
    assert_eq!(two.doors.allowed_origins.len(), 2);
    let many = format!("[{}]", r#""https://a.example","#.repeat(65));
    for (origins, expected) in [
        (r#"["*"]"#, "list each origin"),
        (r#"["https://a.example/"]"#, "without a slash at the end"),
        (r#"["https://A.example"]"#, "lower case"),
        (many.as_str(), "at most 64"),
    ] {
        let error = parse(&with(origins)).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
        assert!(error.contains("stint.toml:"), "{error}");
    }
}

#[test]
fn the_bounds_of_a_client_are_what_is_written_or_the_defaults() {
    let default = stint_gateway::Config::default();
    let unsaid = parse(GOOD).unwrap().doors;
    assert_eq!(unsaid.requests_per_second, default.requests_per_second);
    assert_eq!(unsaid.requests_at_once, default.requests_at_once);
    assert_eq!(unsaid.connections_per_address, default.connections_per_address);
    let limits = "[limits]\nrequests_per_second = 7\nconnections_per_address = 8\n\n[raft]";
    let doors = parse(&GOOD.replacen("[raft]", limits, 1)).unwrap().doors;
    assert_eq!(doors.requests_per_second.get(), 7);
    assert_eq!(doors.connections_per_address.get(), 8);
    assert_eq!(doors.requests_at_once, default.requests_at_once);
    for (key, value, expected) in [
        ("requests_per_second", "0", "at least 1"),
        ("requests_at_once", "0", "at least 1"),
        ("requests_at_once", "-1", "-1"),
        ("connections_per_address", "0", "at least 1"),
        ("requests_per_minute", "1", "unknown key \"requests_per_minute\""),
    ] {
        let limits = format!("[limits]\n{key} = {value}\n\n[raft]");
        let (error, line) = wrong("[raft]", &limits);
        assert!(error.contains(expected) && error.contains(key), "{error}");
        assert!(error.contains(&format!("stint.toml:{}:", line + 1)), "{error}");
    }
}

/// What is replaced in GOOD, by what, and what the error has to say.
const MISTAKES: &[(&str, &str, &[&str])] = &[
    ("data_dir", "data_dri", &["unknown key \"data_dri\"", "expected one of", "\"data_dir\""]),
    ("[worker]", "[wroker]", &["unknown key \"wroker\"", "\"worker\""]),
    ("lease_ttl", "lease_tll", &["unknown key \"lease_tll\"", "\"lease_ttl\"", "in version 0."]),
    ("on_worker_loss", "on_loss", &["unknown key \"on_loss\"", "\"on_worker_loss\""]),
    ("data_dir = \"data\"", "data_dir = 7", &["replica.data_dir", "integer", "7"]),
    ("deadline = \"1m\"", "deadline = 60", &["actions.say.deadline", "integer", "60"]),
    ("deadline = \"1m\"", "deadline = \"60\"", &["actions.say.deadline", "\"60\"", "30s"]),
    ("deadline = \"1m\"", "deadline = \"\"", &["actions.say.deadline", "30s"]),
    ("\"abandon\"", "\"forget\"", &["on_worker_loss", "forget", "reclaim", "abandon"]),
    ("id = \"000000000001\"", "id = \"1\"", &["replica.id", "12 lower-case hex"]),
    ("\"000102030405060708090a0b0c0d0e0f\"", "\"main\"", &["cluster.id", "openssl rand"]),
    ("\"127.0.0.1:7400\"", "\"localhost:7400\"", &["client_address", "IP address"]),
    ("\"127.0.0.1:7400\"", "\"0.0.0.0:7400\"", &["client_address", "insecure_plain_text = true"]),
    ("\"127.0.0.1:7500\"", "\"[::]:7500\"", &["peer_address", "insecure_plain_text = true"]),
    ("\"127.0.0.1:7501\"", "\"127.0.0.1\"", &["peer_address", "host and a port"]),
    ("\"127.0.0.1:7501\"", "\"127.0.0.1:7500\"", &["000000000002", "is that of member"]),
    ("id = \"000000000002\"", "id = \"000000000001\"", &["000000000001", "twice"]),
    (
        "id = \"000000000001\"",
        "id = \"000000000003\"",
        &["000000000003 is not among cluster.members"],
    ),
    ("heartbeat = \"50ms\"", "heartbeat = \"1ms\"", &["raft.heartbeat", "10ms"]),
    ("heartbeat = \"50ms\"", "heartbeat = \"200ms\"", &["election_min", "2 heartbeats"]),
    (
        "heartbeat = \"50ms\"",
        "election_max = \"300ms\"",
        &["election_max", "more than election_min"],
    ),
    ("heartbeat = \"50ms\"", "request_timeout = \"100ms\"", &["request_timeout", "election_max"]),
    ("heartbeat = \"50ms\"", "request_timeout = \"1h\"", &["raft", "60s"]),
    (
        "heartbeat = \"50ms\"",
        "snapshot_bytes_per_second = \"512KiB\"",
        &["raft.snapshot_bytes_per_second", "1MiB"],
    ),
    ("lease_ttl = \"2s\"", "lease_ttl = \"100ms\"", &["worker.lease_ttl", "500 ms"]),
    ("lease_ttl = \"2s\"", "lease_ttl = \"1h\"", &["worker.lease_ttl", "600000 ms"]),
    ("lease_ttl = \"2s\"", "runs_max = 0", &["worker.runs_max", "1 to"]),
    ("lease_ttl = \"2s\"", "runs_max = -1", &["worker.runs_max", "-1"]),
    ("{ scan = 1 }", "{ scan = -1 }", &["worker.capacity.scan", "-1"]),
    ("{ scan = 1 }", "{ scan = 4294967297 }", &["worker.capacity.scan", "4294967296"]),
    ("{ scan = 1 }", "{ \"a b\" = 1 }", &["a b", "no blanks"]),
    ("level = \"info\"", "level = \"a=b=c\"", &["log.level", "debug"]),
    ("[actions.say]", "[actions.sleep]", &["\"sleep\" is built in"]),
    ("[actions.say]", "[actions.\"\"]", &["1 to 128 bytes"]),
    ("[actions.say]", "[actions.\"a\\nb\"]", &["no control characters"]),
    ("[\"echo\", \"{param:what}\"]", "[]", &["actions.say.command", "name a program"]),
    (
        "[\"echo\", \"{param:what}\"]",
        "[\"echo\", \"{param:what\"]",
        &["actions.say.command", "no end"],
    ),
    ("[\"echo\", \"{param:what}\"]", "\"echo\"", &["actions.say.command", "string"]),
    ("{ A = \"b\" }", "{ STINT_A = \"b\" }", &["STINT_A", "not yours to set"]),
    ("[log]", "[log", &["]"]),
    ("backoff = \"1s\"", "backoff = \"1\"", &["backoff", "\"1\"", "30s"]),
    ("backoff = \"1s\"", "backoff = 1", &["backoff", "a duration like", "table"]),
    ("backoff = \"1s\"", "backoff = { max = \"1s\" }", &["missing key \"first\""]),
    ("backoff = \"1s\"", "backoff = { first = \"1s\", by = 2 }", &["unknown key \"by\""]),
    (
        "backoff = \"1s\"",
        "backoff = { first = \"1s\", factor_percent = 50 }",
        &["actions.say.backoff", "factor_percent is 50", "100"],
    ),
    (
        "backoff = \"1s\"",
        "backoff = { first = \"1s\", jitter_percent = 101 }",
        &["jitter_percent is 101", "0 to 100"],
    ),
    ("backoff = \"1s\"", "backoff = { first = \"2s\", max = \"1s\" }", &["less than first"]),
    ("backoff = \"1s\"", "backoff = \"169h\"", &["actions.say.backoff", "168h"]),
    ("backoff = \"1s\"", "retries = 1001", &["actions.say.retries", "0 to 1000"]),
    ("backoff = \"1s\"", "user = \"\"", &["actions.say.user", "empty"]),
    ("backoff = \"1s\"", "umask = 27", &["actions.say.umask", "string"]),
    ("backoff = \"1s\"", "umask = \"999\"", &["actions.say.umask", "octal"]),
    ("backoff = \"1s\"", "nice = 20", &["actions.say.nice", "-20 to 19"]),
    ("backoff = \"1s\"", "memory = \"512MB\"", &["actions.say.memory", "512MiB"]),
    ("backoff = \"1s\"", "memory = \"512B\"", &["actions.say.memory", "less than 1MiB"]),
    ("backoff = \"1s\"", "pids = 0", &["actions.say.pids", "1 to"]),
    ("backoff = \"1s\"", "cpu_time = \"1ms\"", &["actions.say.cpu_time", "1s"]),
    ("backoff = \"1s\"", "open_files = 2", &["actions.say.open_files", "8 to"]),
    ("backoff = \"1s\"", "capacity = { a = -1 }", &["actions.say.capacity.a", "-1"]),
    ("{ pattern = \"[a-z]*\" }", "{ pattern = \"(\" }", &["\"what\"", "no regular expression"]),
    ("{ pattern = \"[a-z]*\" }", "{ patern = \"\" }", &["unknown key \"patern\""]),
    ("{ pattern = \"[a-z]*\" }", "{ required = false }", &["parameters.what", "required"]),
    ("{ pattern = \"[a-z]*\" }", "{ minimum = 2, maximum = 1 }", &["2 at least and 1 at most"]),
];

#[test]
fn a_mistake_is_answered_with_file_line_and_what_would_be_right() {
    for (from, to, expected) in MISTAKES {
        let (error, line) = wrong(from, to);
        let place = format!("/etc/stint/stint.toml:{line}:");
        assert!(error.starts_with(&place), "{to}: not at {place} but {error}");
        for text in *expected {
            assert!(error.contains(text), "{to}: no {text} in {error}");
        }
    }
}

#[test]
fn a_missing_key_is_named() {
    for (without, key) in [
        ("data_dir = \"data\"\n", "data_dir"),
        ("command = [\"echo\", \"{param:what}\"]\n", "command"),
        ("id = \"000102030405060708090a0b0c0d0e0f\"\n", "id"),
    ] {
        let error = parse(&GOOD.replacen(without, "", 1)).unwrap_err().to_string();
        assert!(error.contains(&format!("missing key \"{key}\"")), "{error}");
        assert!(error.starts_with("/etc/stint/stint.toml:"), "{error}");
    }
}

#[test]
fn a_key_that_is_there_twice_is_refused_at_the_second_place() {
    let text = GOOD.replace("[raft]\n", "[raft]\nheartbeat = \"60ms\"\n");
    let error = parse(&text).unwrap_err().to_string();
    assert!(error.contains("duplicate key"), "{error}");
}

#[test]
fn what_is_advertised_is_what_the_members_say() {
    let with = |line: &str| GOOD.replacen("[cluster]", &format!("{line}\n\n[cluster]"), 1);
    parse(&with("advertise_peer = \"127.0.0.1:7500\"")).unwrap();
    let error = parse(&with("advertise_peer = \"10.0.0.1:7500\"")).unwrap_err().to_string();
    assert!(error.contains("advertise_peer") && error.contains("127.0.0.1:7500"), "{error}");
}

#[test]
fn plain_text_beyond_loopback_takes_a_word() {
    let open = GOOD.replacen("\"127.0.0.1:7400\"", "\"0.0.0.0:7400\"", 1);
    assert!(parse(&open).is_err());
    let open = open.replacen("[cluster]", "insecure_plain_text = true\n\n[cluster]", 1);
    assert_eq!(parse(&open).unwrap().client_address.ip().to_string(), "0.0.0.0");
}

const CLIENT_FILES: &str = "client_certificate = \"c.pem\"\nclient_key = \"c.key\"\n";
const PEER_FILES: &str =
    "peer_certificate = \"p.pem\"\npeer_key = \"p.key\"\npeer_ca = \"ca.pem\"\n";

#[test]
fn certificates_take_the_place_of_the_word_each_for_its_side() {
    let open = GOOD.replacen("\"127.0.0.1:7400\"", "\"0.0.0.0:7400\"", 1).replacen(
        "\"127.0.0.1:7500\"",
        "\"0.0.0.0:7500\"",
        1,
    );
    let with = |files: &str| parse(&format!("{open}\n[tls]\n{files}"));
    let tls = with(&format!("{CLIENT_FILES}{PEER_FILES}")).unwrap().tls;
    assert_eq!(tls.clients.unwrap().key, Path::new("/etc/stint/c.key"), "relative to the file");
    assert_eq!(tls.peers.unwrap().ca, Path::new("/etc/stint/ca.pem"));
    for (files, key) in [(PEER_FILES, "client_address"), (CLIENT_FILES, "peer_address")] {
        let error = with(files).unwrap_err().to_string();
        assert!(error.contains(key) && error.contains("under [tls]"), "{error}");
    }
}

#[test]
fn the_authority_for_the_processes_of_jobs_goes_with_certificates() {
    let with = |files: &str| parse(&format!("{GOOD}\n[tls]\n{files}client_ca = \"ca.pem\"\n"));
    let config = with(CLIENT_FILES).unwrap();
    let ca = config.worker.unwrap().ca;
    assert_eq!(ca.as_deref(), Some(Path::new("/etc/stint/ca.pem")), "relative to the file");
    let error = with("").unwrap_err().to_string();
    assert!(error.contains("client_ca without client_certificate"), "{error}");
}

#[test]
fn half_a_side_of_certificates_is_refused() {
    for (all, lines) in [(CLIENT_FILES, 2), (PEER_FILES, 3)] {
        for without in 0..lines {
            let some = all.lines().enumerate().filter(|(i, _)| *i != without);
            let some: Vec<_> = some.map(|(_, line)| line).collect();
            let error = parse(&format!("{GOOD}\n[tls]\n{}\n", some.join("\n"))).unwrap_err();
            assert!(error.to_string().contains("together, or none"), "{error}");
        }
    }
}

#[test]
fn a_worker_that_is_not_enabled_is_not_there_but_checked() {
    let off = GOOD.replace("[worker]\n", "[worker]\nenabled = false\n");
    assert!(parse(&off).unwrap().worker.is_none());
    assert!(parse(&off.replace("lease_ttl = \"2s\"", "lease_ttl = \"1ms\"")).is_err());
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let error = Config::of_file(Path::new("/nonexistent/stint.toml")).unwrap_err().to_string();
    assert!(error.starts_with("/nonexistent/stint.toml: cannot be read"), "{error}");
}

/// The example, as it stands in the repository.
fn example() -> (PathBuf, String) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/stint.example.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    (path, text)
}

#[test]
fn the_example_is_accepted() {
    let (path, _) = example();
    let config = Config::of_file(&path).unwrap();
    assert_eq!(config.founders.len(), 3);
    assert_eq!(config.worker.unwrap().actions.len(), 2);
}

#[test]
fn what_the_example_comments_out_is_what_holds_without_it() {
    let (path, text) = example();
    let is_key = |line: &str| {
        line.strip_prefix("# ")
            .and_then(|rest| rest.split_once(" = "))
            .is_some_and(|(key, _)| key.chars().all(|c| c.is_ascii_lowercase() || c == '_'))
    };
    let all: Vec<_> = text
        .lines()
        .map(|line| if is_key(line) { line.trim_start_matches("# ") } else { line })
        .collect();
    assert!(all.len() > 50 && all.contains(&"heartbeat = \"150ms\""), "{all:?}");
    let said = check::config(Source::of_file(&path, &all.join("\n"))).unwrap();
    let unsaid = Config::of_file(&path).unwrap();
    assert_eq!(format!("{said:?}"), format!("{unsaid:?}"));
}

#[test]
fn a_file_of_actions_is_checked_like_a_configuration() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("actions.toml");
    let text = "[actions.say]\ncommand = [\"echo\"]\n";
    std::fs::write(&file, text).unwrap();
    assert_eq!(read_actions(&file).unwrap(), text);
    std::fs::write(&file, "[actions.sleep]\ncommand = [\"echo\"]\n").unwrap();
    assert!(read_actions(&file).unwrap_err().to_string().contains("built in"));
    std::fs::write(&file, "[replica]\nid = \"000000000001\"\n").unwrap();
    assert!(read_actions(&file).unwrap_err().to_string().contains("unknown key"));
}

#[test]
fn the_example_has_an_action_of_which_all_is_said() {
    use stint_core::{Backoff, Span};

    let config = Config::of_file(&example().0).unwrap();
    let scan = &config.worker.unwrap().actions["scan"];
    let expected = Backoff {
        first: Span::from_ms(10_000),
        factor_percent: 200,
        max: Some(Span::from_ms(600_000)),
        jitter_percent: 50,
    };
    assert_eq!(scan.traits.backoff, expected);
    assert_eq!((scan.defaults.retries, scan.declarations.is_closed), (2, true));
    assert_eq!(scan.defaults.capacity_map.as_ref().unwrap().amount("scan"), 1);
    let confinement = &scan.confinement;
    assert_eq!(confinement.user.as_deref(), Some("scan"));
    assert_eq!((confinement.umask, confinement.nice), (Some(0o27), Some(10)));
    assert_eq!((confinement.memory_bytes, confinement.pids), (Some(512 << 20), Some(64)));
    assert_eq!(confinement.cpu_time, Some(Duration::from_mins(10)));
    let declared = &scan.declarations.parameters;
    assert!(declared["image"].is_required && !declared["depth"].is_required);
    assert_eq!(declared["mode"].values, ["quick", "thorough"]);
}

#[test]
fn the_actions_of_a_worker_that_is_not_enabled_can_be_looked_at() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("stint.toml");
    for text in [
        GOOD.replace("[worker]\n", "[worker]\nenabled = false\n"),
        "[actions.say]\ncommand = [\"echo\"]\n".to_owned(),
    ] {
        std::fs::write(&file, text).unwrap();
        let actions = all_actions(&Layers::file(&file)).unwrap();
        assert_eq!(actions.keys().collect::<Vec<_>>(), ["say"]);
    }
}
