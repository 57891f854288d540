//! What has happened, on its way to those who listen in this process: each has its own place, and may be
//! behind by a number of entries and of bytes. Whoever is behind by more has missed some, is told so, and
//! reads the state anew.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use stint_core::Event;
use tokio::sync::broadcast::{self, error::RecvError, error::TryRecvError};

use crate::limits::{EVENTS_BYTES_MAX, EVENTS_COUNTED_FROM, EVENTS_MAX};
use crate::recent::bytes_of;
use crate::replica::Happening;

/// Where happenings are sent from. `None` says that some are missing.
pub(crate) struct Backlog {
    sender: broadcast::Sender<Option<Happening>>,
    /// What may still be on its way, the oldest first, and how many bytes it has.
    sent: Mutex<VecDeque<(Weak<[Event]>, usize)>>,
}

/// Where one listens.
#[derive(Debug)]
pub(crate) struct Listener {
    receiver: broadcast::Receiver<Option<Happening>>,
    /// What was met behind a place where some were missing.
    ahead: Option<Happening>,
}

impl Default for Backlog {
    fn default() -> Self {
        Self { sender: broadcast::channel(EVENTS_MAX).0, sent: Mutex::default() }
    }
}

impl Backlog {
    pub(crate) fn listen(&self) -> Listener {
        Listener { receiver: self.sender.subscribe(), ahead: None }
    }

    /// Tells all who listen; perhaps nobody does.
    pub(crate) fn tell(&self, happening: Happening) {
        if !self.has_room(&happening.events) {
            // What takes a place takes it from the oldest: so much leaves nothing.
            (0..EVENTS_MAX).for_each(|_| self.tell_of_gap());
        }
        drop(self.sender.send(Some(happening)));
    }

    /// Tells all who listen to read the state anew.
    pub(crate) fn tell_of_gap(&self) {
        drop(self.sender.send(None));
    }

    /// Whether these may be on their way, too. Those of few entries are not counted, which is what
    /// there is nearly always.
    fn has_room(&self, events: &Arc<[Event]>) -> bool {
        let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        if self.sender.len() < EVENTS_COUNTED_FROM {
            sent.clear();
            return true;
        }
        while sent.pop_front_if(|(events, _)| events.strong_count() == 0).is_some() {}
        let bytes = events.iter().map(|event| bytes_of(event) + bytes_of_lines(event)).sum();
        sent.push_back((Arc::downgrade(events), bytes));
        let has_room = sent.iter().map(|(_, bytes)| bytes).sum::<usize>() <= EVENTS_BYTES_MAX;
        if !has_room {
            sent.clear();
        }
        has_room
    }
}

fn bytes_of_lines(event: &Event) -> usize {
    let Event::LinesAppended { lines, .. } = event else { return 0 };
    lines.iter().map(|line| size_of_val(line) + line.text.len()).sum()
}

impl Listener {
    /// The next happening, or `None` once for some that are missing. Can be dropped while it waits.
    pub(crate) async fn next(&mut self) -> Result<Option<Happening>, RecvError> {
        if let Some(happening) = self.ahead.take() {
            return Ok(Some(happening));
        }
        match self.receiver.recv().await {
            Ok(Some(happening)) => return Ok(Some(happening)),
            Ok(None) | Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return Err(RecvError::Closed),
        }
        loop {
            match self.receiver.try_recv() {
                Ok(Some(happening)) => self.ahead = Some(happening),
                Ok(None) | Err(TryRecvError::Lagged(_)) => continue,
                Err(TryRecvError::Empty | TryRecvError::Closed) => {}
            }
            return Ok(None);
        }
    }
}

#[cfg(test)]
mod tests {
    use stint_core::{JobId, Line, Stream};

    use super::*;
    use crate::codec::samples;

    const LARGE: usize = 1024 * 1024;

    /// Lines of so many bytes, as one entry brings them.
    fn lines(index: u64, bytes: usize) -> Happening {
        let job = Arc::new(samples::job());
        let line = Line { stream: Stream::Out, text: "x".repeat(bytes) };
        let event = Event::LinesAppended { job, first: 0, lines: vec![line] };
        Happening { index, events: Arc::new([event]) }
    }

    fn small(index: u64) -> Happening {
        let event = Event::Deleted(JobId::from_bytes([1; 16]));
        Happening { index, events: Arc::new([event]) }
    }

    async fn next(listener: &mut Listener) -> Option<u64> {
        listener.next().await.expect("the sender is there").map(|happening| happening.index)
    }

    #[tokio::test]
    async fn whoever_is_behind_by_too_many_bytes_holds_none_of_them_and_is_told_once() {
        let backlog = Backlog::default();
        let (mut slow, mut fast) = (backlog.listen(), backlog.listen());
        let count = EVENTS_BYTES_MAX / LARGE + EVENTS_COUNTED_FROM + 2;
        let mut held = Vec::new();
        for index in 0..count {
            let index = u64::try_from(index).expect("few");
            let happening = lines(index, LARGE);
            held.push(Arc::downgrade(&happening.events));
            backlog.tell(happening);
            let told = next(&mut fast).await;
            if told.is_none() {
                assert_eq!(next(&mut fast).await, Some(index), "what came after the gap");
            } else {
                assert_eq!(told, Some(index));
            }
        }
        let alive = held.iter().filter(|events| events.strong_count() > 0).count();
        assert!(alive * LARGE <= EVENTS_BYTES_MAX, "{alive} MiB are held for one that is slow");
        assert_eq!(next(&mut slow).await, None, "it has missed some");
        let mut last = None;
        while let Ok(Ok(happening)) =
            tokio::time::timeout(std::time::Duration::ZERO, slow.next()).await
        {
            last = Some(happening.expect("it is told of a gap once").index);
        }
        assert_eq!(last, Some(u64::try_from(count - 1).expect("few")));
    }

    #[tokio::test]
    async fn whoever_is_behind_by_few_bytes_misses_nothing() {
        let backlog = Backlog::default();
        let mut slow = backlog.listen();
        let count = u64::try_from(EVENTS_MAX).expect("few");
        (0..count).for_each(|index| backlog.tell(small(index)));
        for index in 0..count {
            assert_eq!(next(&mut slow).await, Some(index));
        }
        (0..=count).for_each(|index| backlog.tell(small(index)));
        assert_eq!(next(&mut slow).await, None, "by one too many");
        assert_eq!(next(&mut slow).await, Some(1));
    }
}
