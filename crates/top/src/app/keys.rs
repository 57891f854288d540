//! What keys do.

use std::time::UNIX_EPOCH;

use super::{App, Dialog, Tab};
use crate::command::{Command, Key};
use crate::deed::Deed;
use crate::filter::Filter;
use crate::limits;
use crate::output::Output;
use crate::picture::Topic;

impl App {
    /// A key has been pressed.
    pub(crate) fn press(&mut self, key: Key) {
        if key == Key::Interrupt {
            self.is_over = true;
            return;
        }
        match self.dialog.take() {
            Some(Dialog::Typing(text)) => self.typed(text, key),
            Some(Dialog::Confirm(deed)) => self.answered(deed, key),
            // Any key closes it.
            Some(Dialog::Help) => {}
            None => {
                if let Some(command) = Command::of(key).filter(|command| self.offers(*command)) {
                    self.obey(command);
                }
            }
        }
    }

    fn typed(&mut self, mut text: String, key: Key) {
        match key {
            Key::Enter => return self.search(&text),
            Key::Escape => return,
            Key::Backspace => {
                text.pop();
            }
            Key::Char(c) if text.len() + c.len_utf8() <= limits::FILTER_MAX => text.push(c),
            Key::Char(_)
            | Key::Up
            | Key::Down
            | Key::Left
            | Key::Right
            | Key::PageUp
            | Key::PageDown
            | Key::Home
            | Key::End
            | Key::Tab
            | Key::BackTab
            | Key::Interrupt => {}
        }
        self.dialog = Some(Dialog::Typing(text));
    }

    fn search(&mut self, text: &str) {
        if let Some(output) = &mut self.output {
            text.trim().clone_into(&mut output.words);
            return self.go_to_match();
        }
        let filter = Filter::of(text);
        if let Some(view) = self.views.get_mut(&self.tab) {
            view.filter = filter;
            view.top();
        }
        if self.tab == Tab::Jobs {
            self.limit = limits::JOBS_STEP;
            self.picture.trouble.remove(&Topic::Jobs);
        }
    }

    /// Only `y` is a yes; anything else, and a slip of the finger, changes nothing.
    fn answered(&mut self, deed: Deed, key: Key) {
        if matches!(key, Key::Char('y' | 'Y')) {
            self.note = Some((format!("{} ...", deed.words()), self.now.steady));
            self.orders.push(deed);
        } else if !matches!(key, Key::Char('n' | 'N' | 'q') | Key::Escape) {
            self.dialog = Some(Dialog::Confirm(deed));
        }
    }

    fn obey(&mut self, command: Command) {
        let page = isize::try_from(self.height.max(2) - 1).unwrap_or(isize::MAX);
        match command {
            Command::Quit => self.is_over = true,
            Command::Help => self.dialog = Some(Dialog::Help),
            Command::NextTab => self.show(self.tab.place() + 1),
            Command::PreviousTab => self.show(self.tab.place() + Tab::ALL.len() - 1),
            Command::Show(place) => self.show(place),
            Command::Up => self.go(-1),
            Command::Down => self.go(1),
            Command::PageUp => self.go(-page),
            Command::PageDown => self.go(page),
            Command::First => self.go(isize::MIN + 1),
            Command::Last => self.go(isize::MAX),
            Command::Open => self.open(),
            Command::Back => self.back(),
            Command::Filter => {
                let words = self.output.as_ref().map(|output| output.words.clone());
                self.dialog =
                    Some(Dialog::Typing(words.unwrap_or_else(|| self.view().filter.text)));
            }
            Command::NextMatch => self.go_to_match(),
            Command::Sort => {
                let columns = crate::screen::columns(self.tab).len();
                if let Some(view) = self.views.get_mut(&self.tab) {
                    view.sort_by_next(columns);
                }
            }
            Command::Reverse => {
                if let Some(view) = self.views.get_mut(&self.tab) {
                    view.is_reversed = !view.is_reversed;
                    view.top();
                }
            }
            Command::Output => self.output = self.subject().map(Output::of),
            Command::Cancel => self.ask(self.subject().map(Deed::Cancel)),
            Command::Delete => self.ask(self.subject().map(Deed::Delete)),
            Command::Retry => {
                let key = self.now.wall.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
                let key = format!("top-{}-{key}", std::process::id());
                self.ask(self.subject().map(|id| Deed::Retry { id, key }));
            }
            Command::Pause => self.ask(self.pausing()),
        }
    }

    fn ask(&mut self, deed: Option<Deed>) {
        self.dialog = deed.map(Dialog::Confirm);
    }

    fn show(&mut self, place: usize) {
        self.tab = Tab::ALL.into_iter().cycle().nth(place).unwrap_or(Tab::Jobs);
        (self.job, self.output) = (None, None);
    }

    fn go(&mut self, by: isize) {
        let height = self.height;
        if let Some(output) = &mut self.output {
            return output.go(by, height);
        }
        if let Some((_, line)) = &mut self.job {
            // Where there is nothing more, the next frame brings it back.
            *line = line.saturating_add_signed(by.clamp(-10_000, 10_000));
            return;
        }
        let rows = self.rows();
        let Some(view) = self.views.get_mut(&self.tab) else { return };
        let is_beyond = view.go(&rows, by);
        if is_beyond && self.tab == Tab::Jobs && self.picture.has_more_jobs {
            self.limit = (self.limit + limits::JOBS_STEP).min(limits::JOBS_MAX);
        }
    }

    /// A job is opened; of anything else its jobs are shown.
    fn open(&mut self) {
        let Some(name) = self.chosen() else { return };
        let text = match self.tab {
            Tab::Jobs => {
                self.job = Some((name, 0));
                return;
            }
            Tab::Workers => format!("worker={name} running=true"),
            Tab::Queues | Tab::Crons => format!("action={name}"),
            Tab::Cluster => return,
        };
        self.tab = Tab::Jobs;
        self.search(&text);
    }

    fn back(&mut self) {
        if self.output.take().is_some() {
            return;
        }
        if self.job.take().is_some() {
            self.picture.job = None;
            return;
        }
        self.search("");
    }

    fn go_to_match(&mut self) {
        let height = self.height;
        let Some(output) = &mut self.output else { return };
        if !output.words.is_empty() && !output.go_to_match(height) {
            self.note = Some((format!("no line has \"{}\"", output.words), self.now.steady));
        }
    }
}
