//! `stint cron`.

use stint_client::v0;

use super::worker::amounts;
use super::{Caller, parameters};
use crate::args::cron::{Command, Next, Put};
use crate::exit::{Exit, Usage};

pub(crate) async fn run(caller: &Caller, command: Command) -> anyhow::Result<Exit> {
    match command {
        Command::List => {
            let crons = caller.client.list_crons().await?;
            caller.printer.crons(&crons)?;
        }
        Command::Get(one) => {
            let cron = caller.client.get_cron(&one.action).await?;
            caller.printer.cron(&cron)?;
        }
        Command::Put(args) => {
            let cron = caller.client.put_cron(wanted(*args)?).await?;
            caller.printer.cron(&cron)?;
        }
        Command::Delete(one) => caller.client.delete_cron(&one.action).await?,
        Command::Pause(one) => {
            let cron = caller.client.pause_cron(&one.action).await?;
            caller.printer.cron(&cron)?;
        }
        Command::Resume(one) => {
            let cron = caller.client.resume_cron(&one.action).await?;
            caller.printer.cron(&cron)?;
        }
        Command::Run(one) => {
            let job = caller.client.run_cron(&one.action).await?;
            caller.printer.job(&job)?;
        }
        Command::History(one) => {
            let ticks = caller.client.cron_history(&one.action).await?;
            caller.printer.ticks(&ticks)?;
        }
        Command::Next(args) => {
            let ticks = caller.client.preview_schedule(preview(args)).await?;
            caller.printer.preview(&ticks)?;
        }
    }
    Ok(Exit::Done)
}

fn preview(args: Next) -> v0::PreviewScheduleRequest {
    let Next { what, count, time_zone } = args;
    let is_schedule = what.starts_with('@') || what.trim().contains(char::is_whitespace);
    let (action, schedule) =
        if is_schedule { (String::new(), what) } else { (what, String::new()) };
    let time_zone = time_zone.unwrap_or_default();
    v0::PreviewScheduleRequest { action, schedule, time_zone, count: Some(count) }
}

fn wanted(args: Put) -> Result<v0::PutCronRequest, Usage> {
    let parameters = parameters(args.params)?;
    let capacity = amounts(&args.capacity)?;
    Ok(v0::PutCronRequest {
        action: args.action,
        schedule: args.schedule,
        retries: args.retries,
        capacity_map: Some(v0::CapacityMap { entries: capacity })
            .filter(|map| !map.entries.is_empty()),
        parameters: Some(v0::StringMap { entries: parameters })
            .filter(|map| !map.entries.is_empty()),
        deadline: args.deadline.unwrap_or_default(),
        stop_timeout: args.stop_timeout.unwrap_or_default(),
        time_zone: args.time_zone.unwrap_or_default(),
        missed: args.missed.unwrap_or_default(),
        missed_window: args.missed_window.unwrap_or_default(),
        overlap: args.overlap.unwrap_or_default(),
        jitter: args.jitter.unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{Cli, Command as Verb};
    use clap::Parser as _;

    fn cron_of(args: &[&str]) -> Result<v0::PutCronRequest, String> {
        let all = [&["stint", "cron", "put"], args].concat();
        let verb = Cli::try_parse_from(all).map_err(|error| error.to_string())?.command;
        let Verb::Cron(Command::Put(args)) = verb else { panic!("{verb:?}") };
        wanted(*args).map_err(|error| error.to_string())
    }

    #[test]
    fn a_cron_says_what_the_command_line_says() {
        let cron = cron_of(&[
            "scan",
            "0 0 3 * * *",
            "--time-zone",
            "Europe/Berlin",
            "-p",
            "A=b=c",
            "--capacity",
            "scan=1",
            "--retries",
            "3",
            "--deadline",
            "1h30m",
            "--stop-timeout",
            "5s",
            "--missed",
            "all",
            "--missed-window",
            "1m",
            "--overlap",
            "replace",
            "--jitter",
            "30s",
        ])
        .unwrap();
        let parameters = [("A".to_owned(), "b=c".to_owned())].into();
        let expected = v0::PutCronRequest {
            action: "scan".into(),
            schedule: "0 0 3 * * *".into(),
            retries: 3,
            capacity_map: Some(v0::CapacityMap { entries: [("scan".to_owned(), 1)].into() }),
            parameters: Some(v0::StringMap { entries: parameters }),
            deadline: "1h30m".into(),
            stop_timeout: "5s".into(),
            time_zone: "Europe/Berlin".into(),
            missed: "all".into(),
            missed_window: "1m".into(),
            overlap: "replace".into(),
            jitter: "30s".into(),
        };
        assert_eq!(cron, expected);
    }

    #[test]
    fn what_is_foretold_is_a_schedule_or_a_cron() {
        for (args, schedule, action) in [
            (&["@daily"][..], "@daily", ""),
            (&["0 0 3 * * *", "-n", "3", "--tz", "Europe/Berlin"], "0 0 3 * * *", ""),
            (&["update_db"], "", "update_db"),
        ] {
            let all = [&["stint", "cron", "next"], args].concat();
            let verb = Cli::try_parse_from(all).unwrap().command;
            let Verb::Cron(Command::Next(args)) = verb else { panic!("{verb:?}") };
            let request = preview(args);
            assert_eq!((request.schedule.as_str(), request.action.as_str()), (schedule, action));
        }
    }

    #[test]
    fn what_nobody_set_is_not_set() {
        let expected = v0::PutCronRequest {
            action: "noop".into(),
            schedule: "@daily".into(),
            ..Default::default()
        };
        assert_eq!(cron_of(&["noop", "@daily"]).unwrap(), expected);
    }

    #[test]
    fn a_wrong_cron_does_not_leave_the_command_line() {
        for (args, complaint) in [
            (&["noop"][..], "SCHEDULE"),
            (&["noop", "0", "0", "3", "*", "*", "*"], "unexpected argument"),
            (&["noop", "@daily", "-p", "A=1", "-p", "A=2"], "twice"),
            (&["noop", "@daily", "--capacity", "scan=many"], "amount"),
            (&["noop", "@daily", "--deadline", "5"], "duration"),
        ] {
            let error = cron_of(args).unwrap_err();
            assert!(error.contains(complaint), "{args:?}: {error}");
        }
    }
}
