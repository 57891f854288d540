//! Whose turn it is where only so much is done at a time: clients that wait take turns, however many
//! requests each of them has waiting.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use super::Client;

/// Places for work, and who waits for one. Nobody waits while a place is free.
#[derive(Debug)]
pub(crate) struct Turns {
    line: Mutex<Line>,
}

/// A place. Dropping it gives it to the client that has waited longest for one.
#[derive(Debug)]
pub(crate) struct Turn {
    /// Taken only when it is over.
    turns: Option<Arc<Turns>>,
}

#[derive(Debug)]
struct Line {
    free: usize,
    /// The last number that was given out.
    last: u64,
    waiting: HashMap<Arc<Client>, Waiting>,
    /// The clients that wait, by their places.
    order: BTreeMap<u64, Arc<Client>>,
}

/// The requests of one client that wait, oldest first. There is at least one.
#[derive(Debug)]
struct Waiting {
    /// The client's place in the order.
    place: u64,
    requests: BTreeMap<u64, oneshot::Sender<Turn>>,
}

/// A request that waits. If it is given up, it leaves nothing behind.
struct Ticket {
    turns: Arc<Turns>,
    client: Arc<Client>,
    number: u64,
}

impl Turns {
    /// So many at a time.
    pub(crate) fn new(places: usize) -> Self {
        let (waiting, order) = (HashMap::new(), BTreeMap::new());
        Self { line: Mutex::new(Line { free: places.max(1), last: 0, waiting, order }) }
    }

    /// A place for a request of this client, once it is its turn. Can be dropped while it waits.
    pub(crate) async fn take(self: &Arc<Self>, client: &Client) -> Turn {
        let (ticket, given) = {
            let mut line = self.line();
            if line.free > 0 {
                line.free -= 1;
                return Turn { turns: Some(Arc::clone(self)) };
            }
            let (given, receiver) = oneshot::channel();
            let (client, number) = line.join(client, given);
            (Ticket { turns: Arc::clone(self), client, number }, receiver)
        };
        let turn = given.await;
        drop(ticket);
        turn.expect("who waits is given a turn, or has given up")
    }

    /// A panic of a holder leaves the line whole enough: no change of it can panic half-way.
    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Line {
    /// Puts a request behind those of its client, and a client that has none behind the others.
    fn join(&mut self, client: &Client, request: oneshot::Sender<Turn>) -> (Arc<Client>, u64) {
        self.last += 1;
        let number = self.last;
        let client = match self.waiting.get_key_value(client) {
            Some((client, _)) => Arc::clone(client),
            None => Arc::new(client.clone()),
        };
        let order = &mut self.order;
        let waiting = self.waiting.entry(Arc::clone(&client)).or_insert_with(|| {
            order.insert(number, Arc::clone(&client));
            Waiting { place: number, requests: BTreeMap::new() }
        });
        waiting.requests.insert(number, request);
        (client, number)
    }

    /// The oldest request of the client whose turn it is, which then stands behind the others.
    fn next(&mut self) -> Option<oneshot::Sender<Turn>> {
        let (_, client) = self.order.pop_first()?;
        let waiting = self.waiting.get_mut(&client).expect("who is in the order waits");
        let (_, request) = waiting.requests.pop_first().expect("who waits has a request");
        if waiting.requests.is_empty() {
            self.waiting.remove(&client);
        } else {
            self.last += 1;
            waiting.place = self.last;
            self.order.insert(self.last, client);
        }
        Some(request)
    }

    /// Takes out a request, if it has not had its turn.
    fn leave(&mut self, client: &Client, number: u64) {
        let Some(waiting) = self.waiting.get_mut(client) else { return };
        waiting.requests.remove(&number);
        if waiting.requests.is_empty() {
            self.order.remove(&waiting.place);
            self.waiting.remove(client);
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let Some(turns) = self.turns.take() else { return };
        loop {
            let next = {
                let mut line = turns.line();
                let next = line.next();
                if next.is_none() {
                    line.free += 1;
                }
                next
            };
            let Some(next) = next else { return };
            match next.send(Turn { turns: Some(Arc::clone(&turns)) }) {
                Ok(()) => return,
                // It has just given up; the place is still this one's to give.
                Err(mut turn) => turn.turns = None,
            }
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.turns.line().leave(&self.client, self.number);
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use futures_util::future::join_all;
    use futures_util::{FutureExt as _, StreamExt as _, stream::FuturesUnordered};

    use super::*;

    fn client(n: u32) -> Client {
        Client::new(None, Ipv4Addr::from(n).into())
    }

    fn is_empty(turns: &Turns, free: usize) -> bool {
        let line = turns.line();
        line.free == free && line.waiting.is_empty() && line.order.is_empty()
    }

    #[tokio::test]
    async fn one_among_a_thousand_of_another_is_next_and_then_they_alternate() {
        let turns = Arc::new(Turns::new(1));
        let held = turns.take(&client(1)).await;
        let mut waiting = FuturesUnordered::new();
        let wait = async |n: u32, turns: Arc<Turns>| (n, turns.take(&client(n)).await);
        for _ in 0..1_000 {
            waiting.push(wait(1, Arc::clone(&turns)));
        }
        assert!(waiting.next().now_or_never().is_none(), "nobody has two places of one");
        for _ in 0..3 {
            waiting.push(wait(2, Arc::clone(&turns)));
        }
        assert!(waiting.next().now_or_never().is_none());
        drop(held);
        let mut served = Vec::new();
        while let Some((n, turn)) = waiting.next().await {
            served.push(n);
            drop(turn);
        }
        assert_eq!(served[..8], [1, 2, 1, 2, 1, 2, 1, 1], "in turns while both wait");
        assert_eq!(served.len(), 1_003);
        assert!(is_empty(&turns, 1));
    }

    #[tokio::test]
    async fn all_places_are_one_clients_while_nobody_else_wants_any() {
        let turns = Arc::new(Turns::new(8));
        let client = client(1);
        let held = join_all((0..8).map(|_| turns.take(&client))).await;
        assert!(turns.take(&client).now_or_never().is_none());
        drop(held);
        assert!(is_empty(&turns, 8));
    }

    #[tokio::test]
    async fn who_gives_up_leaves_nothing_behind_and_loses_no_place() {
        let turns = Arc::new(Turns::new(1));
        let held = turns.take(&client(0)).await;
        for n in 0..10_000 {
            assert!(turns.take(&client(n % 100)).now_or_never().is_none());
        }
        assert!(is_empty(&turns, 0));
        // One that is given its turn and does not look any more.
        let client_1 = client(1);
        let mut late = Box::pin(turns.take(&client_1));
        assert!(late.as_mut().now_or_never().is_none());
        drop(held);
        assert!(!is_empty(&turns, 1));
        drop(late);
        assert!(is_empty(&turns, 1));
        assert!(turns.take(&client(2)).now_or_never().is_some());
    }
}
