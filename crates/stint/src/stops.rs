//! What asks a process to stop: signals, and the end of standard input.

use std::io::{ErrorKind, Read as _};

use anyhow::Context as _;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

/// The signals that came and are still to come.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    /// `None` if it asks for something else.
    hang_up: Option<Signal>,
}

impl Signals {
    /// From now on these signals end nothing by themselves.
    pub(crate) fn listen() -> anyhow::Result<Self> {
        Ok(Self { hang_up: Some(listen(SignalKind::hangup())?), ..Self::but_hang_up()? })
    }

    /// The same for a program that does not stop when a terminal hangs up.
    fn but_hang_up() -> anyhow::Result<Self> {
        let terminate = listen(SignalKind::terminate())?;
        let interrupt = listen(SignalKind::interrupt())?;
        Ok(Self { terminate, interrupt, hang_up: None })
    }

    /// The name of the next one.
    pub(crate) async fn next(&mut self) -> &'static str {
        let hung_up = async {
            match &mut self.hang_up {
                Some(hang_up) => drop(hang_up.recv().await),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
            () = hung_up => "SIGHUP",
        }
    }
}

fn listen(kind: SignalKind) -> anyhow::Result<Signal> {
    signal(kind).context("signals cannot be handled")
}

/// All that asks a replica to stop.
pub(crate) struct Reasons {
    signals: Signals,
    /// Ends when standard input has ended; `None` if that is no reason, or not any more.
    stdin: Option<oneshot::Receiver<()>>,
    /// Whether a signal has come.
    is_signaled: bool,
}

impl Reasons {
    /// Begins to listen; to standard input only if `with_stdin`.
    pub(crate) fn listen(with_stdin: bool) -> anyhow::Result<Self> {
        let stdin = if with_stdin { Some(end_of_stdin()?) } else { None };
        Ok(Self { signals: Signals::but_hang_up()?, stdin, is_signaled: false })
    }

    /// The next one, in words.
    pub(crate) async fn next(&mut self) -> &'static str {
        let stdin_ended = async {
            match &mut self.stdin {
                // The sender says it by its own end.
                Some(stdin) => stdin.await.unwrap_or_default(),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            signal = self.signals.next() => {
                self.is_signaled = true;
                signal
            }
            () = stdin_ended => {
                self.stdin = None;
                "the end of standard input"
            }
        }
    }

    /// The second signal: somebody is in a hurry. Whoever sends one may well have closed standard
    /// input, too, so that its end does not count.
    pub(crate) async fn second_signal(&mut self) -> &'static str {
        let signal = self.signals.next().await;
        if std::mem::replace(&mut self.is_signaled, true) {
            return signal;
        }
        self.signals.next().await
    }
}

/// Standard input is a sign of life of whoever started the process. What comes there is thrown
/// away.
fn end_of_stdin() -> anyhow::Result<oneshot::Receiver<()>> {
    let (alive, end) = oneshot::channel();
    // A thread of its own, because reading cannot be given up; it ends with the process.
    std::thread::Builder::new()
        .name("stdin".to_owned())
        .spawn(move || {
            let mut buffer = [0; 1_024];
            let mut input = std::io::stdin().lock();
            loop {
                match input.read(&mut buffer) {
                    Ok(count) if count > 0 => {}
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    Ok(_) | Err(_) => break,
                }
            }
            drop(alive);
        })
        .context("standard input cannot be watched")?;
    Ok(end)
}
