//! What a process writes, as lines: read from its two pipes, escaped, counted, batched, bounded.

use std::collections::VecDeque;
use std::io;
use std::os::fd::OwnedFd;

use stint_core::{Line, Stream};
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;

use crate::config::OutputLimits;
use crate::limits::{BATCH_BYTES_MAX, BATCH_LINES_MAX, PIPE_BYTES_MAX, READ_BYTES};
use crate::process::Pipes;

mod allowance;
mod escape;
mod splitter;

use allowance::{Admission, Allowance};
use splitter::Splitter;

/// Bytes that are all there, as lines of standard output.
pub(crate) fn lines_of(bytes: &[u8], line_bytes_max: usize) -> Vec<Line> {
    let mut splitter = Splitter::new(Stream::Out, line_bytes_max);
    let mut lines = Vec::new();
    splitter.push(bytes, &mut lines);
    lines.extend(splitter.finish());
    lines
}

/// The output of one run on its way from the pipes to the log.
///
/// It reads no more than one batch ahead of what is taken from it, so that a process that writes
/// faster than the cluster accepts is slowed by its full pipes.
#[derive(Debug)]
pub(crate) struct Output {
    sources: [Option<Source>; 2],
    allowance: Allowance,
    waiting: VecDeque<Line>,
    waiting_bytes: usize,
}

#[derive(Debug)]
struct Source {
    pipe: Pipe,
    buffer: Vec<u8>,
    splitter: Splitter,
}

#[derive(Debug)]
enum Pipe {
    Open(pipe::Receiver),
    /// Every process that may write to it is dead: what it holds now is all that counts.
    Closing {
        end: OwnedFd,
        bytes_left: usize,
    },
}

impl Output {
    /// Reads from `pipes`; the job has `line_count` lines already.
    pub(crate) fn new(pipes: Pipes, limits: OutputLimits, line_count: u64) -> io::Result<Self> {
        Ok(Self {
            sources: [
                Source::new(pipes.out, Stream::Out, limits)?,
                Source::new(pipes.err, Stream::Err, limits)?,
            ],
            allowance: Allowance::new(limits, line_count),
            waiting: VecDeque::new(),
            waiting_bytes: 0,
        })
    }

    /// Waits until there is more to take, or all is read. While there is no room it waits for ever:
    /// something must be taken first. Nothing is lost if this is dropped.
    pub(crate) async fn read(&mut self) {
        if !self.has_room() {
            std::future::pending::<()>().await;
        }
        let [out, err] = &mut self.sources;
        let (source, got) = tokio::select! {
            got = Source::read(out) => (out, got),
            got = Source::read(err) => (err, got),
        };
        let mut lines = Vec::new();
        match (source.as_mut(), got) {
            // Nobody takes it any more: it is not worth splitting.
            (Some(_), Some(1..)) if self.allowance.is_exhausted() => {}
            (Some(source), Some(count @ 1..)) => {
                let bytes = source.buffer.get(..count).unwrap_or_default();
                source.splitter.push(bytes, &mut lines);
            }
            (_, Some(0) | None) | (None, Some(_)) => {
                lines = source.take().map(|source| source.splitter.finish()).unwrap_or_default();
            }
        }
        for line in lines {
            self.accept(line);
        }
    }

    /// The next lines in order: few enough for one entry. `None` if there are none now.
    pub(crate) fn take(&mut self) -> Option<Vec<Line>> {
        let mut batch = Vec::new();
        let mut bytes = 0;
        while batch.len() < BATCH_LINES_MAX
            && let Some(line) = self.waiting.front()
            && (batch.is_empty() || bytes + line.text.len() <= BATCH_BYTES_MAX)
        {
            bytes += line.text.len();
            batch.extend(self.waiting.pop_front());
        }
        self.waiting_bytes = self.waiting_bytes.saturating_sub(bytes);
        (!batch.is_empty()).then_some(batch)
    }

    /// Whether everything has been read and taken.
    pub(crate) fn is_over(&self) -> bool {
        self.has_read_all() && self.waiting.is_empty()
    }

    /// Whether there is nothing more to read.
    pub(crate) fn has_read_all(&self) -> bool {
        self.sources.iter().all(Option::is_none)
    }

    /// The run is over: what its pipes hold now is read, and nothing waited for. A process that
    /// has escaped may keep them open for ever.
    pub(crate) fn close(&mut self) {
        for source in &mut self.sources {
            *source = source.take().and_then(|source| {
                let Source { pipe: Pipe::Open(pipe), buffer, splitter } = source else {
                    return Some(source);
                };
                let end = pipe.into_nonblocking_fd().ok()?;
                let pipe = Pipe::Closing { end, bytes_left: PIPE_BYTES_MAX };
                Some(Source { pipe, buffer, splitter })
            });
        }
    }

    /// From now on everything is read and dropped: nobody takes it any more.
    pub(crate) fn discard(&mut self) {
        self.allowance = Allowance::none();
        self.waiting.clear();
        self.waiting_bytes = 0;
    }

    fn has_room(&self) -> bool {
        self.waiting.len() < BATCH_LINES_MAX && self.waiting_bytes < BATCH_BYTES_MAX
    }

    fn accept(&mut self, line: Line) {
        let line = match self.allowance.admit(&line) {
            Admission::Granted => line,
            Admission::Exhausted(note) => note,
            Admission::Dropped => return,
        };
        self.waiting_bytes += line.text.len();
        self.waiting.push_back(line);
    }
}

impl Source {
    fn new(end: OwnedFd, stream: Stream, limits: OutputLimits) -> io::Result<Option<Self>> {
        Ok(Some(Self {
            pipe: Pipe::Open(pipe::Receiver::from_owned_fd(end)?),
            buffer: vec![0; READ_BYTES],
            splitter: Splitter::new(stream, limits.line_bytes_max),
        }))
    }

    /// How many bytes are in the buffer now; none if there will be no more. Waits for ever if
    /// there is no source.
    async fn read(source: &mut Option<Self>) -> Option<usize> {
        let Some(Self { pipe, buffer, .. }) = source else { return std::future::pending().await };
        match pipe {
            Pipe::Open(pipe) => pipe.read(buffer).await.ok(),
            Pipe::Closing { end, bytes_left } => {
                let room = buffer.len().min(*bytes_left);
                let count = rustix::io::read(end, buffer.get_mut(..room)?).ok()?;
                *bytes_left -= count;
                Some(count)
            }
        }
    }
}

#[cfg(test)]
mod tests;
