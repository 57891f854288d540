//! The picture as long as it is wanted.

use crossterm::event::{Event, EventStream};
use futures_util::StreamExt as _;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use crate::app::{App, Now};
use crate::command::Key;
use crate::error::Error;
use crate::source::Source;
use crate::terminal::Screen;
use crate::{Options, draw, limits, source};

/// Shows the picture until somebody has seen enough, or a signal ends it.
///
/// # Errors
/// [`Error::NoTerminal`] if there is none, [`Error::Cluster`] if the cluster does not answer at first.
/// Later on, that it does not answer is a part of the picture.
///
/// # Panics
/// If the part that asks has panicked: it must not look as if nothing happened.
pub async fn run(options: &Options) -> Result<(), Error> {
    // Whoever cannot be let in, or has forgotten to start the cluster, is told in the usual way.
    let (user, may_change) = source::whoami(options).await?;
    let mut app = App::new(user, may_change, options.has_colours, Now::read());
    let mut screen = Screen::take()?;
    let (mut source, mut inbox) = Source::start(options, app.wanted()).await?;
    let mut keys = EventStream::new();
    let mut frames = interval_at(Instant::now(), limits::FRAME_PAUSE);
    frames.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut ends = [
        signal(SignalKind::terminate())?,
        signal(SignalKind::hangup())?,
        signal(SignalKind::interrupt())?,
    ];
    let [terminate, hangup, interrupt] = &mut ends;
    while !app.is_over {
        app.tick(Now::read());
        screen.terminal.draw(|frame| draw::draw(&mut app, frame.buffer_mut()))?;
        tokio::select! {
            event = keys.next() => match event {
                Some(Ok(Event::Key(event))) => {
                    app.tick(Now::read());
                    if let Some(key) = Key::of(event) {
                        app.press(key);
                    }
                }
                // A terminal of another size is drawn on anew.
                Some(Ok(Event::Resize(..) | Event::FocusGained | Event::FocusLost | Event::Mouse(_) | Event::Paste(_))) => {}
                Some(Err(error)) => return Err(error.into()),
                // Nobody will ever press a key again.
                None => return Ok(()),
            },
            news = inbox.recv() => {
                app.tick(Now::read());
                let mut next = news;
                for _ in 0..limits::NEWS_PER_FRAME {
                    let Some(news) = next else { break };
                    app.told(news);
                    next = inbox.try_recv().ok();
                }
            }
            () = source.failed() => {}
            _ = frames.tick() => {}
            _ = terminate.recv() => return Ok(()),
            _ = hangup.recv() => return Ok(()),
            _ = interrupt.recv() => return Ok(()),
        }
        source.want(app.wanted());
        for deed in app.orders() {
            source.carry_out(deed);
        }
    }
    Ok(())
}
