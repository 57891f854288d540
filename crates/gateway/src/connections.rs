//! Who may have a connection: so many in all, and so many for each address.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use stint_measure::Count;
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::api::ApiError;
use crate::clients::{Client, Share, Shares, Taken};
use crate::config::Config;
use crate::{http, limits};

/// The places for connections of this replica.
#[derive(Debug)]
pub(crate) struct Connections {
    total: usize,
    free: Arc<Semaphore>,
    by_address: Arc<Shares>,
    refused: Count,
    /// When it was last told that one was refused.
    told: Mutex<Option<Instant>>,
}

/// The place of one connection. Dropping it makes room for the next.
#[derive(Debug)]
pub(crate) struct Connected {
    _permit: OwnedSemaphorePermit,
    _share: Share,
}

impl Connections {
    pub(crate) fn new(config: &Config) -> Self {
        let each = usize::try_from(config.connections_per_address.get()).unwrap_or(usize::MAX);
        Self {
            total: config.connections_max,
            free: Arc::new(Semaphore::new(config.connections_max)),
            by_address: Arc::new(Shares::new(config.connections_max, each)),
            refused: Count::default(),
            told: Mutex::default(),
        }
    }

    /// Room for one more, as soon as there is. Whoever comes meanwhile waits in the kernel.
    pub(crate) async fn room(&self) -> OwnedSemaphorePermit {
        Arc::clone(&self.free).acquire_owned().await.expect("nobody closes the semaphore")
    }

    /// Gives the room to a connection from this address, unless it has as many as one may have.
    pub(crate) fn admit(
        &self,
        permit: OwnedSemaphorePermit,
        address: IpAddr,
    ) -> Result<Connected, ApiError> {
        let client = Client::new(None, address);
        match self.by_address.take(client.clone()) {
            Ok(share) => Ok(Connected { _permit: permit, _share: share }),
            Err(taken) => {
                self.refused.add_one();
                let why = too_many(&client, taken);
                self.tell(&why);
                Err(ApiError::TooManyRequests(why))
            }
        }
    }

    /// How many there are.
    pub(crate) fn open(&self) -> usize {
        self.total.saturating_sub(self.free.available_permits())
    }

    /// How many were refused.
    pub(crate) fn refused(&self) -> u64 {
        self.refused.read()
    }

    /// Anyone can have connections refused as often as he likes: one in a while is told.
    fn tell(&self, why: &str) {
        let now = Instant::now();
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.is_none_or(|told| now.duration_since(told) >= limits::REFUSAL_LOG_INTERVAL) {
            *told = Some(now);
            tracing::warn!(why, "a connection was refused; others that are so soon are not told");
        }
    }
}

fn too_many(client: &Client, taken: Taken) -> String {
    match taken {
        Taken::All => "this replica has as many connections as it may have".to_owned(),
        Taken::Own(each) => format!(
            "{client}: {each} connections to this replica are open, which is all that one address \
             may have; close some, or have limits.connections_per_address raised"
        ),
    }
}

/// Says why, to who speaks plain HTTP, and closes the connection. It is never waited for: who does
/// not read the answer is only cut off.
pub(crate) fn turn_away(stream: &TcpStream, why: &ApiError) {
    let answer = http::last_answer(why);
    if let Err(error) = stream.try_write(&answer) {
        tracing::debug!(%error, "nobody was there to be told why");
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    #[tokio::test]
    async fn no_address_has_all_places_and_what_it_gives_back_is_its_again() {
        let two = NonZeroU32::new(2).unwrap();
        let config =
            Config { connections_max: 3, connections_per_address: two, ..Config::default() };
        let connections = Connections::new(&config);
        let [here, there] = ["10.0.0.1", "10.0.0.2"].map(|text| text.parse::<IpAddr>().unwrap());
        let first = connections.admit(connections.room().await, here).unwrap();
        let second = connections.admit(connections.room().await, here).unwrap();
        assert_eq!((connections.open(), connections.refused()), (2, 0));
        let why = connections.admit(connections.room().await, here).unwrap_err().to_string();
        assert!(why.contains("10.0.0.1: 2 connections"), "{why}");
        assert!(why.contains("limits.connections_per_address"), "{why}");
        assert_eq!((connections.open(), connections.refused()), (2, 1), "the room is given back");
        let other = connections.admit(connections.room().await, there).unwrap();
        drop(first);
        let again = connections.admit(connections.room().await, here).unwrap();
        assert_eq!(connections.open(), 3);
        drop((second, other, again));
        assert_eq!(connections.open(), 0);
    }
}
