//! Keys, and what they are for.

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

/// A key as far as it means anything here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Key {
    Char(char),
    Up,
    Down,
    Left,
    Right,
    PageUp,
    PageDown,
    Home,
    End,
    Enter,
    Escape,
    Tab,
    BackTab,
    Backspace,
    /// Ctrl-C.
    Interrupt,
}

impl Key {
    /// The key of an event of the terminal, if it is one of ours.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "terminals have many keys that mean nothing here"
    )]
    pub(crate) fn of(event: KeyEvent) -> Option<Self> {
        if event.kind == KeyEventKind::Release {
            return None;
        }
        let is_control = event.modifiers.contains(KeyModifiers::CONTROL);
        Some(match event.code {
            KeyCode::Char('c') if is_control => Self::Interrupt,
            KeyCode::Char(_) if is_control || event.modifiers.contains(KeyModifiers::ALT) => {
                return None;
            }
            KeyCode::Char(c) => Self::Char(c),
            KeyCode::Up => Self::Up,
            KeyCode::Down => Self::Down,
            KeyCode::Left => Self::Left,
            KeyCode::Right => Self::Right,
            KeyCode::PageUp => Self::PageUp,
            KeyCode::PageDown => Self::PageDown,
            KeyCode::Home => Self::Home,
            KeyCode::End => Self::End,
            KeyCode::Enter => Self::Enter,
            KeyCode::Esc => Self::Escape,
            KeyCode::Tab => Self::Tab,
            KeyCode::BackTab => Self::BackTab,
            KeyCode::Backspace => Self::Backspace,
            _ => return None,
        })
    }
}

/// What a key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Command {
    Quit,
    Help,
    NextTab,
    PreviousTab,
    /// The list of this place, counted from 0.
    Show(usize),
    Up,
    Down,
    PageUp,
    PageDown,
    First,
    Last,
    Open,
    Back,
    Filter,
    NextMatch,
    Sort,
    Reverse,
    Output,
    Cancel,
    Delete,
    Retry,
    Pause,
}

/// A command, the keys that give it, and what is said of it: shortly in the last line, if at all, and
/// in the help.
pub(crate) struct Entry {
    pub(crate) command: Command,
    pub(crate) keys: &'static [Key],
    pub(crate) shown: &'static str,
    pub(crate) short: &'static str,
    pub(crate) help: &'static str,
}

const fn entry(
    command: Command,
    keys: &'static [Key],
    shown: &'static str,
    short: &'static str,
    help: &'static str,
) -> Entry {
    Entry { command, keys, shown, short, help }
}

/// All commands, those that matter most first. Those without help are told of by their neighbour.
pub(crate) const ENTRIES: [Entry; 26] = [
    entry(Command::Quit, &[Key::Char('q'), Key::Interrupt], "q", "quit", "quit"),
    entry(Command::Help, &[Key::Char('?')], "?", "help", "these keys"),
    entry(Command::Back, &[Key::Escape, Key::Backspace], "esc", "back", "back; no filter any more"),
    entry(Command::Open, &[Key::Enter], "enter", "details", "all of the job; of others their jobs"),
    entry(Command::Output, &[Key::Char('l')], "l", "output", "follow the output of the job"),
    entry(
        Command::Filter,
        &[Key::Char('/')],
        "/",
        "filter",
        "only rows with these words; of jobs action=A status=S too",
    ),
    entry(Command::NextMatch, &[Key::Char('n')], "n", "next", "the next line with the words"),
    entry(Command::Cancel, &[Key::Char('c')], "c", "cancel", "cancel the job"),
    entry(Command::Delete, &[Key::Char('d')], "d", "delete", "delete the job and its output"),
    entry(Command::Retry, &[Key::Char('r')], "r", "retry", "run the job once more"),
    entry(
        Command::Pause,
        &[Key::Char('p')],
        "p",
        "pause",
        "pause or resume the queue or the cron; drain the worker",
    ),
    entry(Command::Sort, &[Key::Char('s')], "s", "sort", "sort by the next column"),
    entry(Command::Reverse, &[Key::Char('S')], "S", "", "sort the other way round"),
    entry(
        Command::NextTab,
        &[Key::Tab, Key::Right],
        "tab",
        "",
        "the next list; shift-tab the one before",
    ),
    entry(Command::PreviousTab, &[Key::BackTab, Key::Left], "", "", ""),
    entry(
        Command::Show(0),
        &[Key::Char('1')],
        "1 to 5",
        "",
        "jobs, workers, queues, crons, cluster",
    ),
    entry(Command::Show(1), &[Key::Char('2')], "", "", ""),
    entry(Command::Show(2), &[Key::Char('3')], "", "", ""),
    entry(Command::Show(3), &[Key::Char('4')], "", "", ""),
    entry(Command::Show(4), &[Key::Char('5')], "", "", ""),
    entry(Command::Up, &[Key::Up, Key::Char('k')], "arrows", "", "up and down; k and j too"),
    entry(Command::Down, &[Key::Down, Key::Char('j')], "", "", ""),
    entry(Command::PageUp, &[Key::PageUp], "page", "", "a screen up or down"),
    entry(Command::PageDown, &[Key::PageDown, Key::Char(' ')], "", "", ""),
    entry(Command::First, &[Key::Home, Key::Char('g')], "home", "", "to the top"),
    entry(
        Command::Last,
        &[Key::End, Key::Char('G')],
        "end",
        "",
        "to the end, where more is loaded, and output followed",
    ),
];

impl Command {
    /// What this key is for.
    pub(crate) fn of(key: Key) -> Option<Self> {
        ENTRIES.iter().find(|entry| entry.keys.contains(&key)).map(|entry| entry.command)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_is_for_two_things() {
        let keys: Vec<_> = ENTRIES.iter().flat_map(|entry| entry.keys).collect();
        for (i, key) in keys.iter().enumerate() {
            assert!(!keys.iter().skip(i + 1).any(|other| other == key), "{key:?}");
        }
    }

    #[test]
    fn control_c_quits_and_does_not_cancel() {
        let event = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
        assert_eq!(Key::of(event).and_then(Command::of), Some(Command::Quit));
        let event = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::NONE);
        assert_eq!(Key::of(event).and_then(Command::of), Some(Command::Cancel));
    }
}
