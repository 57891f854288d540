//! The layers of a configuration: which one wins, and what is said of a mistake in each.

use std::time::Duration;

use super::super::check;
use super::super::{Config, LogFormat, show};
use super::*;

const FILE: &str = r#"[replica]
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

[raft]
heartbeat = "50ms"
election_min = "400ms"

[worker]
capacity = { scan = 1, scanCheck = 1 }

[actions."say.it"]
command = ["echo", "{param:what}"]
environment = { TOKEN = "hunter2" }
"#;

/// The configuration of FILE under these variables and flags, and as it is shown.
fn load(variables: &[(&str, &str)], set: &[(&str, &str)]) -> Result<(Config, String), Error> {
    load_text(FILE, variables, set)
}

/// The same of another text.
fn load_text(
    said: &str,
    variables: &[(&str, &str)],
    set: &[(&str, &str)],
) -> Result<(Config, String), Error> {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("stint.toml");
    std::fs::write(&file, said).expect("a file");
    let variables = variables.iter().map(|(name, value)| (name.into(), value.into()));
    let set: Vec<_> =
        set.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    let mut text = Layers::of(&file, variables, &set)?.read()?;
    let config = check::config(text.source())?;
    text.add_defaults();
    Ok((config, show::text(text.source(), show::Reader::Program)?))
}

/// The line that shows this key.
fn line<'a>(shown: &'a str, key: &str) -> &'a str {
    let begin = format!("{key} = ");
    shown.lines().find(|line| line.starts_with(&begin)).unwrap_or_else(|| panic!("{key}: {shown}"))
}

#[test]
fn the_command_line_wins_over_the_environment_and_that_over_the_file() {
    let variable = ("STINT_RAFT__HEARTBEAT", "60ms");
    let flag = ("raft.heartbeat", "70ms");
    for (variables, set, expected_ms, origin) in [
        (&[][..], &[][..], 50, "stint.toml:16"),
        (&[variable], &[], 60, "# STINT_RAFT__HEARTBEAT"),
        (&[variable], &[flag], 70, "# --set raft.heartbeat"),
        (&[], &[("raft.heartbeat", "1s"), flag], 70, "# --set raft.heartbeat"),
    ] {
        let (config, shown) = load(variables, set).expect(origin);
        assert_eq!(config.timing.heartbeat, Duration::from_millis(expected_ms));
        let line = line(&shown, "heartbeat");
        assert!(line.ends_with(origin), "{line}");
        assert_eq!(config.timing.election_min, Duration::from_millis(400), "the file's stays");
        let default = self::line(&shown, "election_max");
        assert!(default.ends_with("# default"), "{default}");
    }
}

#[test]
fn a_value_is_a_text_or_toml_as_its_key_wants_it() {
    let members = r#"[{ id = "123456789012", peer_address = "127.0.0.1:7500",
        client_address = "127.0.0.1:7400" }]"#;
    let (config, _) = load(
        &[
            // Digits alone, and yet no numbers.
            ("STINT_REPLICA__ID", "123456789012"),
            ("STINT_CLUSTER__ID", "11111111111111111111111111111111"),
            ("STINT_CLUSTER__MEMBERS", members),
            ("STINT_REPLICA__INSECURE_OPEN", "true"),
            ("STINT_WORKER__RUNS_MAX", "7"),
            ("STINT_LOG__FORMAT", "\"json\""),
            ("STINT_RAFT__ELECTION_MIN", ""),
        ],
        &[("worker.capacity.scan", "5"), ("actions.new.command", "[\"true\"]")],
    )
    .expect("a configuration");
    assert_eq!(config.id.to_string(), "123456789012");
    assert_eq!(config.cluster, [0x11; 16]);
    assert!(config.doors.is_open);
    assert_eq!(config.log.format, LogFormat::Json);
    assert_eq!(config.timing.election_min, Duration::from_millis(400), "empty is as if unset");
    let worker = config.worker.expect("a worker");
    assert_eq!(worker.runs_max, 7);
    let amounts = ["scan", "scanCheck"].map(|name| worker.capacity.amount(name));
    assert_eq!(amounts, [5, 1], "one key of a table changes, the other stays");
    assert!(worker.actions.contains_key("new") && worker.actions.contains_key("say.it"));
}

#[test]
fn a_mistake_is_told_of_the_layer_that_made_it() {
    for (variables, set, expected) in [
        (
            &[("STINT_RAFT__HEARTBEAT", "soon")][..],
            &[][..],
            "STINT_RAFT__HEARTBEAT: raft.heartbeat",
        ),
        (&[("STINT_RAFT__HEARTBAET", "1s")], &[], "STINT_RAFT__HEARTBAET: unknown key"),
        (&[("STINT_RAFTS__HEARTBEAT", "1s")], &[], "STINT_RAFTS__HEARTBEAT: unknown key"),
        (&[("STINT_WORKER__CAPACITY__SCAN", "1")], &[], "STINT_WORKER__CAPACITY__SCAN: a variable"),
        (&[("STINT_WORKER__CAPACITY", "{ scan = ")], &[], "STINT_WORKER__CAPACITY: "),
        (&[("STINT_WORKER__RUNS_MAX", "many")], &[], "STINT_WORKER__RUNS_MAX: worker.runs_max"),
        (&[("STINT_WORKER__RUNS_MAX", "1\nx = 2")], &[], "STINT_WORKER__RUNS_MAX: worker.runs"),
        (&[("STINT_LOG", "a=b=c")], &[], "STINT_LOG: log.level"),
        // The one who is nearest to the mistake is named where two are in it.
        (&[], &[("raft.heartbeat", "300ms")], "stint.toml:17"),
        (&[], &[("raft.election_max", "1ms")], "--set raft.election_max: "),
        (&[], &[("raft.heartbeat.x", "1")], "--set raft.heartbeat.x: "),
        (&[], &[("replica.id", "2")], "--set replica.id: replica.id"),
        (&[], &[("nothing", "2")], "--set nothing: unknown key"),
    ] {
        let error = load(variables, set).expect_err(expected).to_string();
        assert!(error.contains(expected), "{expected}: {error}");
    }
}

#[test]
fn other_variables_of_ours_set_no_key() {
    let variables = [
        ("STINT_ADDRESS", "nowhere"),
        ("STINT_WORKER_ID", "x"),
        ("STINT_PARAM_A__B", "x"),
        ("STINT_CONFIG", "x"),
    ];
    let (_, shown) = load(&variables, &[]).expect("a configuration");
    assert!(!shown.contains("# STINT_"), "{shown}");
}

#[test]
fn the_filter_of_the_log_has_a_variable_of_its_own_with_precedence() {
    let own = ("STINT_LOG", "debug");
    let (config, _) = load(&[own, ("STINT_LOG__LEVEL", "warn")], &[]).expect("a configuration");
    assert_eq!(config.log.level, "debug");
    let (config, _) = load(&[own], &[("log.level", "trace")]).expect("a configuration");
    assert_eq!(config.log.level, "trace");
}

#[test]
fn what_is_shown_is_the_same_configuration() {
    let variables = [("STINT_WORKER__RUNS_MAX", "7"), ("STINT_REPLICA__INSECURE_OPEN", "true")];
    let (config, shown) = load(&variables, &[("log.level", "warn")]).expect("a configuration");
    let file = config.data_dir.with_file_name("stint.toml");
    let again = check::config(Source::of_file(&file, &shown)).expect(&shown);
    assert_eq!(format!("{again:?}"), format!("{config:?}"), "{shown}");
}

#[test]
fn secrets_are_shown_only_if_they_are_asked_for() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("stint.toml");
    std::fs::write(&file, FILE).expect("a file");
    let shown = |with_secrets| show(&Layers::file(&file), with_secrets).expect("text");
    assert!(shown(true).contains("hunter2"));
    assert!(!shown(false).contains("hunter2") && shown(false).contains("(hidden)"));
}

/// What the parser takes in each table, from what it says when it is given something else.
fn taken(table: &str) -> Vec<String> {
    let with_key = match FILE.split_once(&format!("[{table}]\n")) {
        Some((before, after)) => format!("{before}[{table}]\nzzz = 1\n{after}"),
        None => format!("{FILE}\n[{table}]\nzzz = 1\n"),
    };
    let error = check::config(Source::of_file(Path::new("stint.toml"), &with_key)).unwrap_err();
    let error = error.to_string();
    let (_, known) = error.split_once("expected ").unwrap_or_else(|| panic!("{table}: {error}"));
    known.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn the_table_of_keys_has_all_that_the_file_can_have() {
    let error = check::config(Source::of_file(Path::new("stint.toml"), "zzz = 1\n")).unwrap_err();
    let error = error.to_string();
    let tables: Vec<_> = error.split('"').skip(3).step_by(2).map(str::to_owned).collect();
    assert!(tables.len() > 7 && tables.iter().any(|table| table == "raft"), "{error}");
    let known: Vec<_> = keys::KEYS.iter().map(|key| key.path.to_owned()).collect();
    // Actions have names of their own, and what webhooks may do goes with them: a replica that is told
    // to takes up both, and the keys of the table are what it does not.
    for table in tables.iter().filter(|table| !["actions", "webhook"].contains(&table.as_str())) {
        for key in taken(table) {
            let path = format!("{table}.{key}");
            assert!(known.contains(&path), "{path} is not in the table in keys.rs");
        }
    }
}

#[test]
fn what_the_table_of_keys_says_of_defaults_is_what_holds() {
    let unsaid = load(&[], &[]).expect("a configuration").0;
    let all: Vec<_> =
        keys::defaults().into_iter().map(|(key, value)| (key, value.to_string())).collect();
    for (key, value) in &all {
        // What the file says already is not there by default.
        if FILE.contains(&format!("\n{} =", key.rsplit('.').next().unwrap_or_default())) {
            continue;
        }
        let said = load(&[], &[(key, value)]).expect(key).0;
        let of = |config: &Config| {
            format!("{config:?}").replace(&config.data_dir.display().to_string(), "data")
        };
        assert_eq!(of(&said), of(&unsaid), "{key}");
    }
}

#[test]
fn a_file_of_very_many_actions_may_have_something_over_it() {
    let many = (0..4_000).map(|n| format!("[actions.a{n}]\ncommand = [\"true\"]\n"));
    let said = FILE.to_owned() + &many.collect::<String>();
    assert!(said.len() > 100_000);
    let set = [("raft.heartbeat", "70ms")];
    let (config, shown) = load_text(&said, &[("STINT_LOG", "debug")], &set).expect("it is right");
    assert_eq!(config.worker.expect("a worker").actions.len(), 4_001);
    assert!(line(&shown, "heartbeat").ends_with("# --set raft.heartbeat"), "{shown}");
}
