//! `stint top` in a terminal: a real pseudo-terminal, keys that are pressed, a screen that is read.

use std::io::{Read as _, Write as _};
use std::num::NonZeroU16;
use std::process::Child;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use pty_process::Size;
use pty_process::blocking::{Command, Pts, Pty};
use rustix::termios::Termios;
use vt100::{Color, Parser};

use crate::harness::program::{STINT, stint};
use crate::harness::{Cluster, Options, wait_for};

const ROWS: u16 = 24;
const COLUMNS: u16 = 80;
const ACTIONS: &str = r#"
[actions.say]
command = ["sh", "-c", "for i in $(seq 0 $1); do echo word $i; sleep 0.05; done", "--", "{param:N}"]
"#;

/// A terminal in which `stint top` runs.
struct Terminal {
    pty: Arc<Pty>,
    /// Held open, so that what the program leaves behind can be looked at.
    _pts: Pts,
    before: String,
    child: Child,
    seen: Arc<Mutex<Seen>>,
    reader: Option<JoinHandle<()>>,
}

/// The screen, and all that was ever said in its line of notes.
struct Seen {
    parser: Parser,
    notes: Vec<String>,
}

impl Terminal {
    fn open(args: &[&str], variables: &[(&str, &str)]) -> Self {
        let (pty, pts) = pty_process::blocking::open().expect("a pseudo-terminal");
        pty.resize(Size::new(ROWS, COLUMNS)).expect("a size");
        let before = modes(&pty);
        let mut command = Command::new(STINT).args(args).arg("top").env("TERM", "xterm-256color");
        for variable in ["STINT_ADDRESS", "STINT_CA", "STINT_TOKEN", "NO_COLOR"] {
            command = command.env_remove(variable);
        }
        let child =
            command.envs(variables.iter().copied()).spawn_borrowed(&pts).expect("it starts");
        let size = |n| NonZeroU16::new(n).expect("some");
        let parser = Parser::new(size(ROWS), size(COLUMNS), 0);
        let seen = Arc::new(Mutex::new(Seen { parser, notes: Vec::new() }));
        let pty = Arc::new(pty);
        let (from, to) = (Arc::clone(&pty), Arc::clone(&seen));
        let reader = std::thread::spawn(move || read(&from, &to));
        Self { pty, _pts: pts, before, child, seen, reader: Some(reader) }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn press(&self, keys: &str) {
        (&*self.pty).write_all(keys.as_bytes()).expect("keys");
    }

    fn screen(&self) -> String {
        self.seen().parser.screen().contents()
    }

    fn until(&self, what: &str, fits: impl Fn(&str) -> bool) -> String {
        wait_for(what, || {
            let screen = self.screen();
            if fits(&screen) { Ok(screen) } else { Err(screen) }
        })
    }

    fn until_said(&self, words: &str) {
        self.until(words, |screen| screen.contains(words));
    }

    /// Waits for its end, and looks whether the terminal is as it was.
    fn end(mut self) {
        let code = wait_for("its end", || match self.child.try_wait().expect("a child") {
            Some(status) => Ok(status.code()),
            None => Err(self.screen()),
        });
        assert_eq!(code, Some(0), "{}", self.screen());
        assert_eq!(modes(&self.pty), self.before, "the terminal is as it was");
        wait_for("the screen to be given back", || {
            let seen = self.seen();
            let screen = seen.parser.screen();
            let left = (screen.alternate_screen(), screen.hide_cursor());
            if left == (false, false) { Ok(()) } else { Err(left) }
        });
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // The reader ends when nobody has the other side any more; it is not waited for.
        drop(self.child.kill());
        drop(self.child.wait());
        drop(self.reader.take());
    }
}

fn read(mut pty: &Pty, seen: &Mutex<Seen>) {
    let mut bytes = [0; 4_096];
    while let Ok(count) = pty.read(&mut bytes) {
        if count == 0 {
            return;
        }
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.parser.process(&bytes[..count]);
        let note = seen.parser.screen().rows(0, COLUMNS).nth(usize::from(ROWS) - 2);
        let note = note.unwrap_or_default().trim().to_owned();
        if !note.is_empty() && seen.notes.last() != Some(&note) {
            seen.notes.push(note);
        }
    }
}

/// How the terminal treats what is typed and what is written.
fn modes(pty: &Pty) -> String {
    let Termios { input_modes, output_modes, local_modes, .. } =
        rustix::termios::tcgetattr(pty).expect("its modes");
    format!("{input_modes:?} {output_modes:?} {local_modes:?}")
}

fn end_of(id: &str) -> &str {
    &id[id.len() - 8..]
}

#[test]
fn a_job_is_seen_and_canceled_by_keys_and_the_death_of_the_leader_is_said_and_survived() {
    let mut cluster = Cluster::start(&Options { actions: ACTIONS, ..Options::default() });
    let leader = cluster.leader();
    // Only the leader is named: the others are found by what it says of its members.
    let terminal = Terminal::open(&["--address", &cluster.replicas[leader].address], &[]);
    terminal.until_said("no jobs");
    terminal.until_said(&format!("asks {}", cluster.replicas[leader].id));

    let job = cluster.submit(leader, r#"{"action":"sleep","parameters":{"seconds":"300"}}"#);
    terminal.until("the job", |screen| {
        screen.lines().any(|line| line.contains(end_of(&job)) && line.contains("running"))
    });
    terminal.press("c");
    terminal.until_said("cancel job");
    assert_eq!(cluster.job(leader, &job)["status"], "running", "not before the yes");
    terminal.press("y");
    cluster.wait_for_status(leader, &job, "cancel");
    terminal.until("its end", |screen| {
        screen.lines().any(|line| line.contains(end_of(&job)) && line.contains(" cancel "))
    });

    let talk = cluster.submit(leader, r#"{"action":"say","parameters":{"N":"300"}}"#);
    terminal.until_said(end_of(&talk));
    terminal.press("l");
    terminal.until_said("word 20");
    cluster.kill(leader);
    terminal.until("another to be asked, and another to lead", |screen| {
        let dead = &cluster.replicas[leader].id;
        screen.contains("leads 3")
            && screen.contains("asks ")
            && !screen.lines().next().is_some_and(|head| head.contains(dead))
    });
    // All of the output comes, from whoever runs it in the end.
    terminal.until_said("word 300");
    terminal.until_said("it has ended");
    let notes = terminal.seen().notes.clone();
    assert!(notes.iter().any(|note| note.contains("does not answer,")), "{notes:?}");
    assert!(notes.iter().any(|note| note.contains("leads now")), "{notes:?}");

    terminal.press("\u{1b}");
    let after = cluster.submit((leader + 1) % 3, r#"{"action":"noop"}"#);
    terminal.until("the list to be live again", |screen| {
        screen.lines().any(|line| line.contains(end_of(&after)) && line.contains("done"))
    });
    terminal.press("5");
    terminal.until_said("see below");
    terminal.press("q");
    terminal.end();
}

#[test]
fn a_viewer_is_offered_no_change_and_signals_give_the_terminal_back() {
    let cluster = Cluster::start(&Options { replicas: 1, is_closed: true, ..Options::default() });
    let address = cluster.addresses();
    let admin = cluster.admin.clone().expect("a token");
    let given = stint(&[
        "--address",
        &address,
        "--token",
        &admin,
        "token",
        "create",
        "--user",
        "ann",
        "--role",
        "viewer",
    ]);
    assert_eq!(given.code, Some(0), "{given:?}");
    let viewer = given.out.trim();
    let shown = stint(&["--address", &address, "--token", viewer, "token", "show"]);
    assert!(shown.out.contains("ann") && shown.out.contains("viewer"), "{shown:?}");

    let job = cluster.submit(0, r#"{"action":"sleep","parameters":{"seconds":"300"}}"#);
    let variables = [("STINT_TOKEN", viewer), ("NO_COLOR", "1")];
    let terminal = Terminal::open(&["--address", &address], &variables);
    terminal.until_said(end_of(&job));
    terminal.until_said("ann (may look only)");
    terminal.press("cdr");
    // The help comes after what the keys before it have done.
    terminal.press("?");
    let help = terminal.until("the help", |screen| screen.contains("these keys"));
    assert!(!help.contains("cancel"), "{help}");
    assert_eq!(cluster.job(0, &job)["status"], "running");
    let seen = terminal.seen();
    let screen = seen.parser.screen();
    let cells =
        (0..ROWS).flat_map(|row| (0..COLUMNS).filter_map(move |column| screen.cell(row, column)));
    assert!(
        cells
            .clone()
            .all(|cell| (cell.fgcolor(), cell.bgcolor()) == (Color::Default, Color::Default))
    );
    drop(seen);
    let pid = i32::try_from(terminal.child.id()).ok().and_then(rustix::process::Pid::from_raw);
    rustix::process::kill_process(pid.expect("a pid"), rustix::process::Signal::TERM)
        .expect("a signal");
    terminal.end();

    let nobody = stint(&["--address", &address, "top", "--once"]);
    assert_eq!(nobody.code, Some(1), "{nobody:?}");
    assert!(nobody.err.contains("STINT_TOKEN"), "{nobody:?}");
}

#[test]
fn without_a_terminal_there_is_one_picture_or_a_clear_no() {
    let cluster = Cluster::start(&Options { replicas: 1, ..Options::default() });
    let address = cluster.addresses();
    let run = |args: &[&str]| stint(&[&["--address", address.as_str()], args].concat());
    let job = cluster.submit(0, r#"{"action":"sleep","parameters":{"seconds":"300"}}"#);
    cluster.wait_for_status(0, &job, "running");
    let picture = run(&["top", "--once"]);
    assert_eq!(picture.code, Some(0), "{picture:?}");
    for words in [end_of(&job), "running 1", "IN USE OF CAPACITY", "OLDEST", "no crons", "term "] {
        assert!(picture.out.contains(words), "{words}: {}", picture.out);
    }
    assert!(!picture.out.contains('\u{1b}'), "{}", picture.out);
    let live = run(&["top"]);
    assert_eq!(live.code, Some(2), "{live:?}");
    assert!(live.err.contains("--once"), "{live:?}");
    let json = run(&["--output", "json", "top", "--once"]);
    assert!(json.code == Some(2) && json.err.contains("stint job list"), "{json:?}");

    let table = run(&["cluster", "statistics"]);
    assert_eq!(table.code, Some(0), "{table:?}");
    let lately = run(&["--output", "json", "cluster", "statistics", "--since", "1h"]);
    let lately: serde_json::Value = serde_json::from_str(&lately.out).expect("JSON");
    assert_eq!(
        (&lately["intervalSeconds"], lately["samples"].is_array()),
        (&30.into(), true),
        "{lately}"
    );
}
