//! Gathers what is to be sent while something is under way, and sends it together.
//!
//! A message, its entries and their way to disks and back cost much more than one more proposal in it. So
//! few are under way at a time, and what comes meanwhile makes the next one larger: on an idle replica
//! nobody waits, and a busy one has less to do. One that takes long, because the leader is far away or
//! gone, does not hold up the others.

use std::future::Future;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::sync::mpsc;
use tokio::time::sleep;

use crate::limits::{FORWARD_AT_ONCE, FORWARD_BATCH_MAX, FORWARD_IN_FLIGHT_MAX, FORWARD_PATIENCE};

/// How much is under way at a time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// So many messages,
    at_once: usize,
    /// unless they take longer than this:
    patience: Duration,
    /// then so many.
    most: usize,
}

/// That of proposals.
pub(crate) const PACE: Pace =
    Pace { at_once: FORWARD_AT_ONCE, patience: FORWARD_PATIENCE, most: FORWARD_IN_FLIGHT_MAX };

/// Runs until the queue is closed. `send` takes from what has gathered what goes into one message, at least
/// one, and gives what is over when it is answered.
pub(crate) async fn gather<T, Sent: Future<Output = ()>>(
    pace: Pace,
    mut queue: mpsc::Receiver<T>,
    mut send: impl FnMut(&mut Vec<T>) -> Option<Sent>,
) {
    let mut under_way = FuturesUnordered::new();
    let mut gathered = Vec::new();
    let mut is_late = false;
    loop {
        let most = if is_late { pace.most } else { pace.at_once };
        let has_place = under_way.len() < most;
        tokio::select! {
            biased;
            Some(()) = under_way.next() => continue,
            count = queue.recv_many(&mut gathered, FORWARD_BATCH_MAX), if has_place => {
                if count == 0 {
                    return;
                }
            }
            () = sleep(pace.patience), if !has_place && !is_late => {
                is_late = true;
                continue;
            }
        }
        is_late = false;
        while let Some(sent) = send(&mut gathered) {
            under_way.push(sent);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tokio::sync::oneshot;
    use tokio::task::JoinHandle;
    use tokio::time::Instant;

    use super::*;

    /// No test lasts so long.
    const NEVER: Duration = Duration::from_secs(1_000_000);

    type Messages = Arc<Mutex<Vec<(Vec<usize>, oneshot::Sender<()>)>>>;

    /// What was sent, each with the way to answer it.
    struct Sending {
        messages: Messages,
        queue: mpsc::Sender<usize>,
        task: JoinHandle<()>,
    }

    impl Sending {
        fn begin(pace: Pace) -> Self {
            let (queue, to_send) = mpsc::channel(100);
            let messages = Messages::default();
            let sent = Arc::clone(&messages);
            let task = tokio::spawn(gather(pace, to_send, move |gathered: &mut Vec<usize>| {
                let (answer, answered) = oneshot::channel();
                let message = std::mem::take(gathered);
                (!message.is_empty()).then(|| {
                    sent.lock().unwrap().push((message, answer));
                    async move { drop(answered.await) }
                })
            }));
            Self { messages, queue, task }
        }

        async fn put(&self, numbers: std::ops::Range<usize>) {
            for number in numbers {
                self.queue.send(number).await.unwrap();
            }
        }

        fn sent(&self) -> Vec<Vec<usize>> {
            self.messages.lock().unwrap().iter().map(|(message, _)| message.clone()).collect()
        }

        async fn wait_until_sent(&self, expected: &[Vec<usize>]) {
            let deadline = Instant::now() + Duration::from_mins(1);
            while self.sent() != expected {
                assert!(Instant::now() < deadline, "{:?}, and not {expected:?}", self.sent());
                sleep(Duration::from_millis(1)).await;
            }
        }

        fn answer(&self, message: usize) {
            let (_, answer) = self.messages.lock().unwrap().remove(message);
            answer.send(()).unwrap();
        }
    }

    #[tokio::test]
    async fn what_comes_while_messages_are_under_way_goes_together() {
        let sending = Sending::begin(Pace { at_once: 2, patience: NEVER, most: 9 });
        sending.put(0..1).await;
        sending.wait_until_sent(&[vec![0]]).await;
        sending.put(1..2).await;
        sending.wait_until_sent(&[vec![0], vec![1]]).await;
        sending.put(2..50).await;
        sending.answer(1);
        sending.wait_until_sent(&[vec![0], (2..50).collect()]).await;
    }

    #[tokio::test]
    async fn messages_that_take_long_do_not_hold_up_others_within_bounds() {
        let patience = Duration::from_millis(1);
        let sending = Sending::begin(Pace { at_once: 1, patience, most: 4 });
        for number in 0..4 {
            sending.put(number..number + 1).await;
            let expected: Vec<_> = (0..=number).map(|number| vec![number]).collect();
            sending.wait_until_sent(&expected).await;
        }
        sending.put(4..9).await;
        sleep(patience * 5).await;
        assert_eq!(sending.sent().len(), 4, "{:?}", sending.sent());
        sending.answer(0);
        sending.wait_until_sent(&[vec![1], vec![2], vec![3], (4..9).collect()]).await;
    }

    #[tokio::test]
    async fn it_ends_with_its_queue() {
        let Sending { queue, task, .. } = Sending::begin(PACE);
        drop(queue);
        task.await.unwrap();
    }
}
