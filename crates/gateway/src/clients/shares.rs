//! Things of which there are few, and of which no client gets all.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Client;

/// So many of one thing, and so many of them at most for each client.
#[derive(Debug)]
pub(crate) struct Shares {
    each: usize,
    table: Mutex<Table>,
}

/// One of them. Dropping it gives it back.
#[derive(Debug)]
pub(crate) struct Share {
    shares: Arc<Shares>,
    client: Client,
}

/// Why there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taken {
    /// All are taken, by whomever.
    All,
    /// The client has as many as one may have.
    Own(usize),
}

#[derive(Debug)]
struct Table {
    free: usize,
    /// How many each client has that has any.
    taken: HashMap<Client, usize>,
}

impl Shares {
    /// `total` of them, and `each` for one client.
    pub(crate) fn new(total: usize, each: usize) -> Self {
        let table = Table { free: total, taken: HashMap::new() };
        Self { each: each.max(1), table: Mutex::new(table) }
    }

    /// One for this client.
    pub(crate) fn take(self: &Arc<Self>, client: Client) -> Result<Share, Taken> {
        let mut table = self.table();
        let own = table.taken.get(&client).copied().unwrap_or(0);
        if own >= self.each {
            return Err(Taken::Own(self.each));
        }
        if table.free == 0 {
            return Err(Taken::All);
        }
        table.free -= 1;
        table.taken.insert(client.clone(), own + 1);
        drop(table);
        Ok(Share { shares: Arc::clone(self), client })
    }

    /// A panic of a holder leaves the table whole: no change of it can panic half-way.
    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut table = self.shares.table();
        table.free += 1;
        if let Entry::Occupied(mut taken) = table.taken.entry(self.client.clone()) {
            *taken.get_mut() -= 1;
            if *taken.get() == 0 {
                taken.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_client_gets_all_and_what_is_given_back_is_forgotten() {
        let user = |name: &str| Client::User(name.to_owned());
        let shares = Arc::new(Shares::new(3, 2));
        let first = shares.take(user("ann")).unwrap();
        let second = shares.take(user("ann")).unwrap();
        assert_eq!(shares.take(user("ann")).unwrap_err(), Taken::Own(2));
        let third = shares.take(user("bob")).unwrap();
        assert_eq!(shares.take(user("bob")).unwrap_err(), Taken::All);
        drop(first);
        let again = shares.take(user("bob")).unwrap();
        drop((second, third, again));
        let table = shares.table();
        assert_eq!((table.free, table.taken.len()), (3, 0));
    }
}
