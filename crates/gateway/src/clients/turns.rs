//! Whose turn it is where only so much is done at a time: clients that wait take turns, however many
//! requests each of them has waiting.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use super::Client;

/// Places for work, and who waits for one. Nobody waits while a place is free that may be his.
#[derive(Debug)]
pub(crate) struct Turns {
    /// How many one client may have at a time.
    each: usize,
    line: Mutex<Line>,
}

/// A place. Dropping it gives it to the client that has waited longest for one.
#[derive(Debug)]
pub(crate) struct Turn {
    /// Taken only when it is over.
    place: Option<(Arc<Turns>, Arc<Client>)>,
}

#[derive(Debug)]
struct Line {
    free: usize,
    /// How many places each client has that has any.
    held: HashMap<Arc<Client>, usize>,
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
    /// So many at a time, all of which one client may have.
    pub(crate) fn new(places: usize) -> Self {
        Self::with(places.max(1), places.max(1))
    }

    /// So many at a time, of which one is left for others whatever one client asks for: where work
    /// takes long, a turn that comes next may still come late.
    pub(crate) fn leaving_one(places: usize) -> Self {
        Self::with(places.max(1), places.saturating_sub(1).max(1))
    }

    fn with(places: usize, each: usize) -> Self {
        let (held, waiting, order) = (HashMap::new(), HashMap::new(), BTreeMap::new());
        Self { each, line: Mutex::new(Line { free: places, held, last: 0, waiting, order }) }
    }

    /// A place for a request of this client, once it is its turn. Can be dropped while it waits.
    pub(crate) async fn take(self: &Arc<Self>, client: &Client) -> Turn {
        let (ticket, given) = {
            let mut line = self.line();
            if line.free > 0 && line.held_by(client) < self.each {
                let client = Arc::new(client.clone());
                line.free -= 1;
                line.hold(&client);
                return Turn { place: Some((Arc::clone(self), client)) };
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
    fn held_by(&self, client: &Client) -> usize {
        self.held.get(client).copied().unwrap_or(0)
    }

    fn hold(&mut self, client: &Arc<Client>) {
        *self.held.entry(Arc::clone(client)).or_default() += 1;
    }

    fn release(&mut self, client: &Client) {
        let Some(count) = self.held.get_mut(client) else { return };
        *count -= 1;
        if *count == 0 {
            self.held.remove(client);
        }
    }

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

    /// The oldest request of the client whose turn it is, which then stands behind the others. Those
    /// that have all they may have are passed over: with all but one of the places they are few.
    fn next(&mut self, each: usize) -> Option<(oneshot::Sender<Turn>, Arc<Client>)> {
        let may_have = |client: &Arc<Client>| self.held_by(client) < each;
        let (place, _) = self.order.iter().find(|(_, client)| may_have(client))?;
        let place = *place;
        let client = self.order.remove(&place).expect("it has just been seen");
        let waiting = self.waiting.get_mut(&client).expect("who is in the order waits");
        let (_, request) = waiting.requests.pop_first().expect("who waits has a request");
        if waiting.requests.is_empty() {
            self.waiting.remove(&client);
        } else {
            self.last += 1;
            waiting.place = self.last;
            self.order.insert(self.last, Arc::clone(&client));
        }
        self.hold(&client);
        Some((request, client))
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
        let Some((turns, mut client)) = self.place.take() else { return };
        loop {
            let next = {
                let mut line = turns.line();
                line.release(&client);
                let next = line.next(turns.each);
                if next.is_none() {
                    line.free += 1;
                }
                next
            };
            let Some((request, whose)) = next else { return };
            client = whose;
            match request.send(Turn { place: Some((Arc::clone(&turns), Arc::clone(&client))) }) {
                Ok(()) => return,
                // It has just given up; the place is still this one's to give.
                Err(mut turn) => turn.place = None,
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
        let is_held = !line.held.is_empty();
        line.free == free
            && line.waiting.is_empty()
            && line.order.is_empty()
            && is_held == (free == 0)
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
    async fn where_one_is_left_no_client_has_all_and_another_waits_for_nobody() {
        let turns = Arc::new(Turns::leaving_one(3));
        let (loud, quiet) = (client(1), client(2));
        let first = turns.take(&loud).await;
        let second = turns.take(&loud).await;
        let mut waiting: Vec<_> = (0..100).map(|_| Box::pin(turns.take(&loud))).collect();
        assert!(waiting.iter_mut().all(|turn| turn.as_mut().now_or_never().is_none()));
        for _ in 0..3 {
            drop(turns.take(&quiet).now_or_never().expect("the place that is left"));
        }
        assert!(waiting.iter_mut().all(|turn| turn.as_mut().now_or_never().is_none()));
        // Who has waited has its place as soon as one of its own is free.
        drop(first);
        let mut given = waiting.iter_mut().filter_map(|turn| turn.as_mut().now_or_never());
        let third = given.next().expect("its turn");
        assert!(given.next().is_none());
        drop((waiting, second, third));
        assert!(is_empty(&turns, 3));
        assert_eq!(Turns::leaving_one(1).each, 1, "of one place there is none to leave");
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
