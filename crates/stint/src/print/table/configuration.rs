//! What operators configure through the API: crons, action configs, settings.

use stint_client::v0;

use super::{amounts, at, bare, new, or_dash, plain, text};

pub(in crate::print) fn crons(crons: &[v0::Cron]) -> String {
    let mut table = new(&["action", "schedule", "time zone", "next run", "retries", "capacity"]);
    for cron in crons {
        table.add_row([
            plain(&cron.action),
            plain(&cron.schedule),
            zone(cron),
            next_run(cron),
            cron.retries.to_string(),
            cron.capacity_map.as_ref().map_or("-".to_owned(), |map| amounts(&map.entries)),
        ]);
    }
    text(&table)
}

pub(in crate::print) fn cron(cron: &v0::Cron) -> String {
    let mut table = bare();
    let mut row = |name: &str, value: String| {
        if !value.is_empty() {
            table.add_row([name.to_owned(), value]);
        }
    };
    row("id", plain(&cron.id));
    row("action", plain(&cron.action));
    row("schedule", plain(&cron.schedule));
    row("time zone", zone(cron));
    row("next run", next_run(cron));
    row("last tick", at(cron.last_tick.as_ref()));
    row("fired", cron.fired.to_string());
    for (reason, count) in &cron.skipped {
        row("skipped", format!("{count} ({})", plain(reason)));
    }
    row("missed", format!("{}, within {}", plain(&cron.missed), plain(&cron.missed_window)));
    row("overlap", plain(&cron.overlap));
    row("jitter", plain(&cron.jitter));
    row("retries", cron.retries.to_string());
    if let Some(capacity) = &cron.capacity_map {
        row("capacity", amounts(&capacity.entries));
    }
    for (name, value) in cron.parameters.iter().flat_map(|map| &map.entries) {
        row("parameter", format!("{}={}", plain(name), plain(value)));
    }
    row("deadline", plain(&cron.deadline));
    row("stop timeout", plain(&cron.stop_timeout));
    text(&table)
}

fn next_run(cron: &v0::Cron) -> String {
    if cron.is_paused { "paused".to_owned() } else { at(cron.next_run.as_ref()) }
}

/// What became of ticks, newest first.
pub(in crate::print) fn ticks(ticks: &[v0::CronTick]) -> String {
    let mut table = new(&["tick", "decided", "became"]);
    for one in ticks {
        let first = at(one.first.as_ref());
        let when = if one.count > 1 {
            format!("{first} to {} ({})", at(one.last.as_ref()), one.count)
        } else {
            first
        };
        table.add_row([when, at(one.decided_at.as_ref()), became(one)]);
    }
    text(&table)
}

fn became(tick: &v0::CronTick) -> String {
    if tick.skip_reason.is_empty() {
        format!("job {}", plain(&tick.job_id))
    } else {
        format!("nothing: {}", plain(&tick.detail))
    }
}

/// The same in one text.
pub(in crate::print) fn tick(tick: &v0::CronTick) -> String {
    format!("{} became {}", at(tick.last.as_ref()), became(tick))
}

fn zone(cron: &v0::Cron) -> String {
    if cron.time_zone.is_empty() { "UTC".to_owned() } else { plain(&cron.time_zone) }
}

pub(in crate::print) fn action_configs(configs: &[v0::ActionConfig]) -> String {
    let mut table = new(&["action", "parameters"]);
    for config in configs {
        let parameters: Vec<_> = shown(config).collect();
        table.add_row([plain(&config.action), or_dash(&parameters.join(","))]);
    }
    text(&table)
}

pub(in crate::print) fn action_config(config: &v0::ActionConfig) -> String {
    let mut table = bare();
    table.add_row(["id".to_owned(), plain(&config.id)]);
    table.add_row(["action".to_owned(), plain(&config.action)]);
    for parameter in shown(config) {
        table.add_row(["parameter".to_owned(), parameter]);
    }
    text(&table)
}

/// The parameters, one text each.
fn shown(config: &v0::ActionConfig) -> impl Iterator<Item = String> {
    let entries = config.parameters.iter().flat_map(|map| &map.entries);
    entries.map(|(name, value)| format!("{}={}", plain(name), plain(value)))
}

pub(in crate::print) fn settings(settings: &v0::ClusterSettings) -> String {
    let mut table = new(&["setting", "value"]);
    let is_enabled = settings.job_history_compaction_enabled;
    table.add_row(["job history compaction".to_owned(), is_enabled.to_string()]);
    let no_bound =
        |text: String, is_bound: bool| if is_bound { text } else { "no bound".to_owned() };
    let to_keep = settings.job_history_to_keep;
    table.add_row(["job history to keep".to_owned(), no_bound(to_keep.to_string(), to_keep > 0)]);
    let max_age = &settings.job_history_max_age;
    let is_bound = !max_age.is_empty();
    table.add_row(["job history max age".to_owned(), no_bound(plain(max_age), is_bound)]);
    text(&table)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cron_is_one_line_and_cannot_command_the_terminal() {
        let cron = v0::Cron {
            action: "scan\u{1b}[31m\n".into(),
            schedule: "0 0 3 * * *".into(),
            next_run: Some("2017-02-22T03:00:00Z".parse().unwrap()),
            ..Default::default()
        };
        let shown = crons(std::slice::from_ref(&cron));
        assert_eq!(shown.lines().count(), 2, "{shown}");
        assert!(!shown.contains('\u{1b}'), "{shown}");
        assert!(shown.contains("0 0 3 * * *") && shown.contains("2017-02-22T03:00:00Z"), "{shown}");
        assert!(shown.contains("UTC"), "{shown}");
    }

    #[test]
    fn what_is_no_bound_is_said_in_words() {
        let mut shown = settings(&v0::ClusterSettings::default());
        assert_eq!(shown.matches("no bound").count(), 2, "{shown}");
        shown = settings(&v0::ClusterSettings {
            job_history_compaction_enabled: true,
            job_history_to_keep: 7,
            job_history_max_age: "720h".into(),
        });
        for text in ["true", "7", "720h"] {
            assert!(shown.contains(text), "{shown}");
        }
    }
}
