//! The simulated network as the replicas' doors see it.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use stint_tls::{Carrier, Door, Network};
use turmoil::net::{TcpListener, TcpStream};

type Opening<'a, T> = Pin<Box<dyn Future<Output = io::Result<T>> + Send + 'a>>;

/// One door of one host.
struct Net {
    listener: TcpListener,
    address: SocketAddr,
}

impl fmt::Debug for Net {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Net({})", self.address)
    }
}

/// A door at this port of the host that this runs on.
pub(crate) async fn door(port: u16) -> io::Result<Door> {
    let listener = TcpListener::bind(("0.0.0.0", port)).await?;
    let address = listener.local_addr()?;
    Ok(Door::Simulated(Arc::new(Net { listener, address })))
}

impl Network for Net {
    fn local_addr(&self) -> SocketAddr {
        self.address
    }

    fn accept(&self) -> Opening<'_, (Box<dyn Carrier>, SocketAddr)> {
        Box::pin(async {
            let (stream, peer) = self.listener.accept().await?;
            let carrier: Box<dyn Carrier> = Box::new(stream);
            Ok((carrier, peer))
        })
    }

    fn connect<'a>(&'a self, address: &'a str) -> Opening<'a, Box<dyn Carrier>> {
        Box::pin(async move {
            let stream = TcpStream::connect(address).await?;
            let carrier: Box<dyn Carrier> = Box::new(stream);
            Ok(carrier)
        })
    }
}
