//! The terminal: taken over, and given back whatever happens.

use std::io::{self, IsTerminal as _, Stdout, stdin, stdout};
use std::panic;
use std::sync::Once;

use crossterm::cursor::{Hide, Show};
use crossterm::execute;
use crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;

use crate::error::Error;

/// The terminal while it is ours. It is given back when this is dropped, and by a panic before its
/// message is printed.
pub(crate) struct Screen {
    pub(crate) terminal: Terminal<CrosstermBackend<Stdout>>,
}

impl Screen {
    /// Takes it over.
    ///
    /// # Errors
    /// [`Error::NoTerminal`] if there is none.
    pub(crate) fn take() -> Result<Self, Error> {
        if !stdin().is_terminal() || !stdout().is_terminal() {
            return Err(Error::NoTerminal);
        }
        give_back_before_panics();
        enable_raw_mode()?;
        // From here on it has to be given back, whatever fails.
        let terminal = execute!(stdout(), EnterAlternateScreen, Hide)
            .and_then(|()| Terminal::new(CrosstermBackend::new(stdout())));
        match terminal {
            Ok(terminal) => Ok(Self { terminal }),
            Err(error) => {
                give_back();
                Err(error.into())
            }
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
    }
}

/// Nobody is left to be told that it fails.
fn give_back() {
    drop::<io::Result<()>>(execute!(stdout(), LeaveAlternateScreen, Show));
    drop::<io::Result<()>>(disable_raw_mode());
}

/// What a panic says is read on the screen where it stays.
fn give_back_before_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            give_back();
            before(info);
        }));
    });
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::sync::Arc;
    use std::thread;

    use pty_process::blocking::{Command, Pty};
    use rustix::termios::Termios;

    use super::*;

    /// Set in the process that is to panic.
    const PANICS: &str = "STINT_TOP_PANICS";
    const NAME: &str = "terminal::tests::a_panic_gives_the_terminal_back_before_it_says_why";

    fn modes(pty: &Pty) -> String {
        let Termios { input_modes, output_modes, local_modes, .. } =
            rustix::termios::tcgetattr(pty).expect("its modes");
        format!("{input_modes:?} {output_modes:?} {local_modes:?}")
    }

    #[test]
    fn a_panic_gives_the_terminal_back_before_it_says_why() {
        if std::env::var_os(PANICS).is_some() {
            let screen = Screen::take().expect("a terminal");
            // Whoever unwinds gives it back as well, but only after the words.
            std::mem::forget(screen);
            panic!("the picture is torn");
        }
        // A terminal of its own, in which this very test runs and panics.
        let (pty, pts) = pty_process::blocking::open().expect("a pseudo-terminal");
        let (before, pty) = (modes(&pty), Arc::new(pty));
        let this = std::env::current_exe().expect("the tests");
        let mut command =
            Command::new(this).args(["--exact", NAME, "--nocapture"]).env(PANICS, "1");
        let mut child = command.spawn_borrowed(&pts).expect("it starts");
        let from = Arc::clone(&pty);
        let reader = thread::spawn(move || {
            let mut said = Vec::new();
            // Ends with an error when nobody has the other side any more.
            drop((&*from).read_to_end(&mut said));
            String::from_utf8_lossy(&said).into_owned()
        });
        assert!(!child.wait().expect("its end").success());
        // The other side is still held open here, so that what is left can be looked at.
        assert_eq!(modes(&pty), before);
        // The command holds it too.
        drop((command, pts));
        let text = reader.join().expect("what it said");
        let at = |words| text.find(words).unwrap_or_else(|| panic!("{words:?} in {text:?}"));
        let (taken, left, shown) = (at("\u{1b}[?1049h"), at("\u{1b}[?1049l"), at("\u{1b}[?25h"));
        let why = at("the picture is torn");
        assert!(taken < left && left < why && shown < why, "{text:?}");
    }
}
