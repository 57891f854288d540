//! The replicas that a client knows, and which of them to ask first.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use tonic::transport::Channel;

use crate::authority::{Authority, describe};
use crate::error::Error;
use crate::limits;

/// All replicas, at least one, and the one that answered last.
#[derive(Debug)]
pub(crate) struct Endpoints {
    all: Vec<Endpoint>,
    last_good: AtomicUsize,
}

/// Where one replica is reached.
#[derive(Debug)]
pub(crate) struct Endpoint {
    /// As a URL: what errors name.
    pub(crate) url: String,
    connector: tonic::transport::Endpoint,
    /// Made at the first use, because making it takes a running Tokio.
    channel: OnceLock<Channel>,
}

impl Endpoints {
    pub(crate) fn new(texts: &[String], authority: Option<&Authority>) -> Result<Self, Error> {
        let bad = |text: &str, reason: &str| Error::BadEndpoint {
            endpoint: text.to_owned(),
            reason: reason.to_owned(),
        };
        if texts.is_empty() {
            return Err(bad("", "a client needs at least one, such as http://127.0.0.1:7400"));
        }
        if texts.len() > limits::ENDPOINTS_MAX {
            let last = texts.last().map_or("", String::as_str);
            return Err(bad(last, &format!("more than {} are given", limits::ENDPOINTS_MAX)));
        }
        let all =
            texts.iter().map(|text| Endpoint::new(text, authority)).collect::<Result<_, _>>()?;
        Ok(Self { all, last_good: AtomicUsize::new(0) })
    }

    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    /// The endpoint of this number, counted round and round.
    pub(crate) fn get(&self, number: usize) -> &Endpoint {
        let place = number % self.all.len();
        self.all.get(place).expect("a remainder is less than the length, which is not zero")
    }

    /// The number of the one that answered last.
    pub(crate) fn last_good(&self) -> usize {
        self.last_good.load(Ordering::Relaxed)
    }

    pub(crate) fn has_answered(&self, number: usize) {
        self.last_good.store(number % self.all.len(), Ordering::Relaxed);
    }
}

impl Endpoint {
    /// Reads `host:port`, `https://host:port` or `http://host:port`. Without a scheme it is encrypted
    /// if there is an authority to believe.
    fn new(text: &str, authority: Option<&Authority>) -> Result<Self, Error> {
        let bad =
            |reason: &str| Error::BadEndpoint { endpoint: text.to_owned(), reason: reason.into() };
        let bare = text.trim().trim_end_matches('/');
        let (authority, bare) = match (bare.strip_prefix("https://"), authority) {
            (Some(_), None) => {
                return Err(bad(
                    "https:// takes the CA certificate that the replicas' certificates are \
                     signed by, because those of the system are not used: give its file with \
                     --ca FILE, STINT_CA or Builder::ca_certificate",
                ));
            }
            (Some(bare), Some(authority)) => (Some(authority), bare),
            (None, authority) => match bare.strip_prefix("http://") {
                Some(bare) => (None, bare),
                None => (authority, bare),
            },
        };
        let (host, port) =
            bare.rsplit_once(':').ok_or_else(|| bad("write it like http://127.0.0.1:7400"))?;
        if host.is_empty() || port.parse::<u16>().is_err() {
            return Err(bad("write it like http://127.0.0.1:7400"));
        }
        let scheme = if authority.is_some() { "https" } else { "http" };
        let url = format!("{scheme}://{bare}");
        let connector = tonic::transport::Endpoint::from_shared(url.clone())
            .map_err(|error| bad(&error.to_string()))?
            .connect_timeout(limits::CONNECT_MAX)
            .tcp_nodelay(true)
            .http2_keep_alive_interval(limits::PING_INTERVAL)
            .keep_alive_timeout(limits::PING_ANSWER_MAX);
        let connector = match authority {
            Some(authority) => {
                connector.tls_config(authority.config()).map_err(|error| bad(&describe(&error)))?
            }
            None => connector,
        };
        Ok(Self { url, connector, channel: OnceLock::new() })
    }

    /// The connection, which comes about when it is used, and again after it has failed.
    pub(crate) fn channel(&self) -> Channel {
        self.channel.get_or_init(|| self.connector.connect_lazy()).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Result<String, String> {
        Endpoint::new(text, None).map(|endpoint| endpoint.url).map_err(|error| error.to_string())
    }

    #[test]
    fn an_endpoint_is_a_host_and_a_port() {
        for text in ["127.0.0.1:7400", "http://127.0.0.1:7400", " http://127.0.0.1:7400/ "] {
            assert_eq!(url(text).unwrap(), "http://127.0.0.1:7400", "{text}");
        }
        assert_eq!(url("[::1]:7400").unwrap(), "http://[::1]:7400");
        for text in ["", "localhost", ":7400", "host:", "host:seventy", "https://host:7400"] {
            assert!(url(text).unwrap_err().contains("no endpoint"), "{text}");
        }
    }

    #[test]
    fn an_encrypted_endpoint_takes_an_authority() {
        let error = url("https://127.0.0.1:7400").unwrap_err();
        assert!(error.contains("--ca FILE"), "{error}");

        let authority = Authority::of_nobody();
        let url = |text: &str| Endpoint::new(text, Some(&authority)).unwrap().url;
        assert_eq!(url("https://[::1]:7400/"), "https://[::1]:7400");
        assert_eq!(url("replica-1.example:7400"), "https://replica-1.example:7400");
        assert_eq!(url("http://127.0.0.1:7400"), "http://127.0.0.1:7400", "by explicit choice");
    }

    #[test]
    fn the_next_endpoint_after_the_last_is_the_first() {
        let endpoints = Endpoints::new(&["a:1".into(), "b:2".into()], None).unwrap();
        let urls: Vec<&str> = (0..3).map(|n| endpoints.get(n).url.as_str()).collect();
        assert_eq!(urls, ["http://a:1", "http://b:2", "http://a:1"]);
        endpoints.has_answered(3);
        assert_eq!(endpoints.last_good(), 1);
    }

    #[test]
    fn a_client_without_endpoints_is_not_built() {
        assert!(matches!(Endpoints::new(&[], None), Err(Error::BadEndpoint { .. })));
    }
}
