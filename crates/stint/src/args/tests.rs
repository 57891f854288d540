//! The command line, word by word.

use super::*;

fn cli(args: &[&str]) -> Result<Cli, clap::Error> {
    Cli::of([&["stint"], args].concat())
}

#[test]
fn the_definition_of_the_command_line_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn options_for_all_calls_stand_anywhere() {
    for args in [
        &["--address", "a:1,b:2", "--output", "json", "--timeout", "5s", "job", "list"][..],
        &["job", "list", "--address", "a:1", "--address", "b:2", "--output=json", "--timeout=5s"],
    ] {
        let global = cli(args).unwrap().global;
        assert_eq!(global.address, ["a:1", "b:2"], "{args:?}");
        assert_eq!(global.output, Output::Json, "{args:?}");
        assert_eq!(global.timeout, Some(Duration::from_secs(5)), "{args:?}");
    }
}

#[test]
fn a_cluster_on_this_machine_is_found_without_options() {
    // A developer may have set the variable; this is about those who have not.
    if std::env::var_os("STINT_ADDRESS").is_none() {
        assert_eq!(cli(&["job", "list"]).unwrap().global.address, ADDRESSES);
    }
}

#[test]
fn a_wrong_command_line_exits_with_2() {
    for args in [
        &["job"][..],
        &["job", "get"],
        &["jobs"],
        &["serve"],
        &["job", "list", "--output", "yaml"],
        &["job", "list", "--timeout", "5"],
        &["job", "list", "--limit", "-1"],
        &["worker", "capacity", "00000000002a", "scan"],
        &["cron", "put", "noop"],
        &["cron", "get"],
        &["action-config", "put", "noop", "-p", "A"],
        &["settings", "set"],
        &["bench", "submit", "--clients", "0"],
        &["bench", "submit", "--seconds", "0"],
        &["dev", "--client-port", "70000"],
        &["dev", "--lease-ttl", "soon"],
        &["--timeout", "5s", "dev"],
        &["serve", "--config", "file", "--address", "a:1"],
        &["init", "--output", "json", "--config", "file"],
    ] {
        assert_eq!(cli(args).unwrap_err().exit_code(), 2, "{args:?}");
    }
}

#[test]
fn help_names_every_exit_code_and_hides_what_only_programs_use() {
    let help = Cli::command().render_long_help().to_string();
    assert!(help.contains("Exit codes:"), "{help}");
    let mut command = Cli::command();
    let serve = command.find_subcommand_mut("serve").expect("a subcommand").render_long_help();
    assert!(!serve.to_string().contains("stdin"), "{serve}");
}

#[test]
fn a_capacity_is_a_list_of_names_and_amounts() {
    let parsed = cli(&["worker", "capacity", "00000000002a", "scan=2", "io=1,gpu=0"]).unwrap();
    let Command::Worker(Worker::Capacity { capacity, .. }) = parsed.command else {
        panic!("{parsed:?}")
    };
    let amounts: Vec<_> = capacity.iter().map(|(name, n)| (name.as_str(), *n)).collect();
    assert_eq!(amounts, [("scan", 2), ("io", 1), ("gpu", 0)]);
}

#[test]
fn dev_has_the_capacity_of_the_documentation_unless_told_otherwise() {
    for (args, expected) in [
        (&["dev"][..], &[("scan", 1), ("scanCheck", 1)][..]),
        (&["dev", "--capacity", "gpu=2"], &[("gpu", 2)]),
    ] {
        let Command::Dev(dev) = cli(args).unwrap().command else { panic!("{args:?}") };
        let amounts: Vec<_> = dev.capacity.iter().map(|(name, n)| (name.as_str(), *n)).collect();
        assert_eq!(amounts, expected);
    }
}
