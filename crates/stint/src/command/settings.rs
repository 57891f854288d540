//! `stint settings`.

use stint_client::v0;

use super::Caller;
use crate::args::settings::{Command, Set};
use crate::exit::Exit;

pub(crate) async fn run(caller: &Caller, command: Command) -> anyhow::Result<Exit> {
    let settings = match command {
        Command::Get => caller.client.settings().await?,
        Command::Set(args) => caller.client.change_settings(change(args)).await?,
    };
    caller.printer.settings(&settings)?;
    Ok(Exit::Done)
}

fn change(args: Set) -> v0::ChangeSettingsRequest {
    v0::ChangeSettingsRequest {
        job_history_compaction_enabled: args.compaction,
        job_history_to_keep: args.to_keep,
        job_history_max_age: args.max_age,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{Cli, Command as Verb};
    use clap::Parser as _;

    fn change_of(args: &[&str]) -> Result<v0::ChangeSettingsRequest, String> {
        let all = [&["stint", "settings", "set"], args].concat();
        let verb = Cli::try_parse_from(all).map_err(|error| error.to_string())?.command;
        let Verb::Settings(Command::Set(args)) = verb else { panic!("{verb:?}") };
        Ok(change(args))
    }

    #[test]
    fn only_what_is_named_changes() {
        let expected =
            v0::ChangeSettingsRequest { job_history_to_keep: Some(0), ..Default::default() };
        assert_eq!(change_of(&["--job-history-to-keep", "0"]).unwrap(), expected);
        let expected = v0::ChangeSettingsRequest {
            job_history_compaction_enabled: Some(true),
            job_history_max_age: Some("720h".into()),
            ..Default::default()
        };
        let args = ["--job-history-compaction", "true", "--job-history-max-age", "720h"];
        assert_eq!(change_of(&args).unwrap(), expected);
    }

    #[test]
    fn a_change_of_nothing_or_to_nonsense_does_not_leave_the_command_line() {
        for (args, complaint) in [
            (&[][..], "--job-history-compaction"),
            (&["--job-history-compaction", "maybe"], "maybe"),
            (&["--job-history-to-keep=-1"], "-1"),
            (&["--job-history-max-age", "30d"], "duration"),
        ] {
            let error = change_of(args).unwrap_err();
            assert!(error.contains(complaint), "{args:?}: {error}");
        }
    }
}
