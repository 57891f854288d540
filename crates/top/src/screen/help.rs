//! The keys.

use crate::app::App;
use crate::command::{Command, ENTRIES};

/// A line for each key that may ever do something for this user.
pub(crate) fn lines(app: &App) -> Vec<String> {
    let is_allowed = |command: Command| {
        app.may_change
            || !matches!(
                command,
                Command::Cancel | Command::Delete | Command::Retry | Command::Pause
            )
    };
    let line = |entry: &crate::command::Entry| format!("{:<10} {}", entry.shown, entry.help);
    let told = ENTRIES.iter().filter(|entry| !entry.help.is_empty() && is_allowed(entry.command));
    told.map(line).collect()
}

/// The last line: what keys would do now, and as far as there is room.
pub(crate) fn offered(app: &App) -> String {
    let offered =
        ENTRIES.iter().filter(|entry| !entry.short.is_empty() && app.offers(entry.command));
    offered.map(|entry| format!("{} {}", entry.shown, entry.short)).collect::<Vec<_>>().join("  ")
}
