//! What each client may ask of this replica: so many requests a second, and so many at once; and
//! whose turn it is. So one that shouts takes nothing from the others.

mod bucket;
mod shares;
mod turns;

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::time::Instant;

use crate::api::ApiError;
use crate::config::Config;
use crate::limits;
use bucket::{Bucket, Rate};

pub(crate) use shares::{Share, Shares, Taken};
pub(crate) use turns::{Turn, Turns};

/// Whose requests are counted together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Client {
    /// Somebody with a valid token, wherever from.
    User(String),
    /// Somebody without one. Of IPv6 it is the network of 64 bits: whoever has one address of it
    /// usually has them all.
    Address(IpAddr),
}

impl Client {
    /// The client of a request of this user, if it is known, from this address.
    pub(crate) fn new(user: Option<&str>, address: IpAddr) -> Self {
        if let Some(user) = user {
            return Self::User(user.to_owned());
        }
        Self::Address(match address.to_canonical() {
            IpAddr::V6(address) => {
                let network = u128::from(address) >> 64 << 64;
                Ipv6Addr::from(network).into()
            }
            address @ IpAddr::V4(_) => address,
        })
    }
}

impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(user) => write!(f, "user {user}"),
            Self::Address(IpAddr::V6(network)) => write!(f, "network {network}/64"),
            Self::Address(address) => write!(f, "address {address}"),
        }
    }
}

/// The clients of this replica, as far as they are remembered.
#[derive(Debug)]
pub(crate) struct Clients {
    requests_per_second: u32,
    rate: Rate,
    at_once: u32,
    table: Mutex<Table>,
}

/// The place of one request that is under way. Dropping it makes room for the next.
#[derive(Debug)]
pub(crate) struct Place {
    clients: Arc<Clients>,
    client: Arc<Client>,
}

impl Clients {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            requests_per_second: config.requests_per_second.get(),
            rate: Rate::per_second(config.requests_per_second),
            at_once: config.requests_at_once.get(),
            table: Mutex::default(),
        }
    }

    /// A place for one more request of a client, if it has not too many under way.
    pub(crate) fn admit(self: &Arc<Self>, client: Client, now: Instant) -> Result<Place, ApiError> {
        let mut table = self.table();
        let Some(client) = table.know(client, now) else {
            let message = "this replica has requests of too many clients under way; try again, or \
                           ask another replica";
            return Err(ApiError::TooManyRequests(message.to_owned()));
        };
        let record = table.wake(&client);
        let has_room = record.under_way < self.at_once;
        if has_room {
            record.under_way += 1;
        }
        table.rest(&client);
        // The place, which locks the table when it is dropped, is made last.
        drop(table);
        if !has_room {
            return Err(self.too_many_at_once(&client));
        }
        Ok(Place { clients: Arc::clone(self), client })
    }

    /// Takes what it costs to begin to follow or to watch, of a client that has a place.
    pub(crate) fn begin_to_follow(&self, client: &Client, now: Instant) -> Result<(), ApiError> {
        self.charge(client, limits::FOLLOW_COST, now)
    }

    fn charge(&self, client: &Client, count: u32, now: Instant) -> Result<(), ApiError> {
        let mut table = self.table();
        // One that is not known has asked for nothing lately.
        let Some(record) = table.known.get_mut(client) else { return Ok(()) };
        if record.bucket.take(self.rate, count, now) {
            return Ok(());
        }
        drop(table);
        Err(self.too_many_per_second(client))
    }

    fn too_many_at_once(&self, client: &Client) -> ApiError {
        ApiError::TooManyRequests(format!(
            "{client}: {} requests are under way on this replica, which is all that one client may \
             have; wait until some have ended, or have limits.requests_at_once raised",
            self.at_once
        ))
    }

    fn too_many_per_second(&self, client: &Client) -> ApiError {
        ApiError::TooManyRequests(format!(
            "{client}: more than {} requests a second on this replica, which is all that one \
             client may send, and to begin to follow or to watch counts as {}; wait {} s and send \
             more slowly, or have limits.requests_per_second raised",
            self.requests_per_second,
            limits::FOLLOW_COST,
            limits::RETRY_AFTER.as_secs()
        ))
    }

    /// A panic of a holder cannot leave more than a count that is too high.
    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// Takes what a request costs. One that is refused keeps its place until it has its answer.
    pub(crate) fn pay(&self, now: Instant) -> Result<(), ApiError> {
        self.clients.charge(&self.client, 1, now)
    }

    /// Whose it is.
    pub(crate) fn client(&self) -> &Client {
        &self.client
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut table = self.clients.table();
        let record = table.wake(&self.client);
        record.under_way = record.under_way.saturating_sub(1);
        table.rest(&self.client);
    }
}

/// Who is remembered. Those with nothing under way are forgotten when there is no room, the one
/// first that has been so for the longest time; the others are as few as requests at once.
#[derive(Debug, Default)]
struct Table {
    known: HashMap<Arc<Client>, Record>,
    /// Those with nothing under way, in the order in which they came to that.
    idle: BTreeMap<u64, Arc<Client>>,
    /// Counts how often somebody became idle.
    rests: u64,
}

#[derive(Debug)]
struct Record {
    bucket: Bucket,
    under_way: u32,
    /// Its key in `idle`, if it is there.
    rest: Option<u64>,
}

impl Table {
    /// Finds a client, or makes room for it; `None` if there is no room.
    fn know(&mut self, client: Client, now: Instant) -> Option<Arc<Client>> {
        if let Some((client, _)) = self.known.get_key_value(&client) {
            return Some(Arc::clone(client));
        }
        if self.known.len() >= limits::CLIENTS_REMEMBERED_MAX {
            let (_, eldest) = self.idle.pop_first()?;
            self.known.remove(&eldest);
        }
        let client = Arc::new(client);
        let record = Record { bucket: Bucket::full(now), under_way: 0, rest: None };
        self.known.insert(Arc::clone(&client), record);
        Some(client)
    }

    /// Takes a client out of the idle ones, so that it is not forgotten.
    fn wake(&mut self, client: &Client) -> &mut Record {
        let record = self.known.get_mut(client).expect("who has a place is not forgotten");
        if let Some(rest) = record.rest.take() {
            self.idle.remove(&rest);
        }
        record
    }

    /// Puts a client behind the idle ones, if it is one.
    fn rest(&mut self, client: &Arc<Client>) {
        let Some(record) = self.known.get_mut(client).filter(|record| record.under_way == 0) else {
            return;
        };
        self.rests += 1;
        record.rest = Some(self.rests);
        self.idle.insert(self.rests, Arc::clone(client));
    }
}

#[cfg(test)]
mod tests;
