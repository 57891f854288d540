//! What a worker and the guardian of a run say to each other: packets between two sockets.
//!
//! Both are of the same build (`program`), so that packets need no version.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::io::retry_on_intr;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, send, socketpair,
};
use rustix::process::Pid;

use crate::clock::Boottime;
use crate::limits::PACKET_BYTES_MAX;

/// What a worker tells a guardian.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Order {
    /// The next part of what is to be started.
    Launch(Vec<u8>),
    /// That was all of it.
    Start,
    /// The lease lasts until then.
    Renew(Boottime),
    /// Send SIGTERM.
    Terminate,
    /// Send SIGKILL to everything.
    Kill,
}

/// What a guardian tells its worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Report {
    /// The process has become the job's program.
    Started(Pid),
    /// It has not, and why.
    Failed(String),
    /// It has ended. What it has left is being killed.
    Ended(End),
    /// Nothing of it is left, and the guardian ends.
    Gone,
}

/// The end of a run's first process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct End {
    pub(crate) how: Ended,
    /// It had been sent a signal by order of the worker before.
    pub(crate) is_by_order: bool,
    /// The guardian has killed it because the lease was over.
    pub(crate) is_lapsed: bool,
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    Code(i32),
    Signal(i32),
}

/// Two sockets that are connected to each other, and that no other process inherits.
pub(crate) fn pair() -> io::Result<(OwnedFd, OwnedFd)> {
    Ok(socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?)
}

/// Sends one packet, whole or not at all; waits for room if `waits`.
pub(crate) fn put(socket: impl AsFd, packet: &[u8], waits: bool) -> io::Result<()> {
    let wait = if waits { SendFlags::empty() } else { SendFlags::DONTWAIT };
    retry_on_intr(|| send(&socket, packet, SendFlags::NOSIGNAL | wait))?;
    Ok(())
}

/// Receives one packet, or nothing if the other end is closed; waits for one if `waits`.
pub(crate) fn take(socket: impl AsFd, waits: bool) -> io::Result<Option<Vec<u8>>> {
    let wait = if waits { RecvFlags::empty() } else { RecvFlags::DONTWAIT };
    let mut buffer = vec![0; PACKET_BYTES_MAX];
    let mut receive = || retry_on_intr(|| recv(&socket, &mut *buffer, wait));
    let received = match receive() {
        // The other end has closed with something unread. The kernel says so once, and before it gives
        // out what had been sent from there.
        Err(rustix::io::Errno::CONNRESET) => receive(),
        other => other,
    };
    match received {
        Ok((_, 0)) | Err(rustix::io::Errno::CONNRESET) => Ok(None),
        Ok((_, count)) => {
            buffer.truncate(count);
            Ok(Some(buffer))
        }
        Err(error) => Err(error.into()),
    }
}

/// All of what is to be started, and that it be started, as packets.
pub(crate) fn launch(launch: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let parts = launch.chunks(PACKET_BYTES_MAX - 1).map(|part| Order::Launch(part.to_vec()));
    parts.chain([Order::Start]).map(|order| order.encode())
}

impl Order {
    pub(crate) fn encode(&self) -> Vec<u8> {
        match self {
            Self::Launch(part) => [b"L", part.as_slice()].concat(),
            Self::Start => b"S".to_vec(),
            Self::Renew(until) => [b"R".as_slice(), &until.nanoseconds().to_le_bytes()].concat(),
            Self::Terminate => b"T".to_vec(),
            Self::Kill => b"K".to_vec(),
        }
    }

    pub(crate) fn decode(packet: &[u8]) -> Option<Self> {
        let (kind, rest) = packet.split_first()?;
        match kind {
            b'L' => Some(Self::Launch(rest.to_vec())),
            b'S' => Some(Self::Start),
            b'R' => {
                let nanoseconds = u64::from_le_bytes(rest.try_into().ok()?);
                Some(Self::Renew(Boottime::from_nanoseconds(nanoseconds)))
            }
            b'T' => Some(Self::Terminate),
            b'K' => Some(Self::Kill),
            _ => None,
        }
    }
}

impl Report {
    pub(crate) fn encode(&self) -> Vec<u8> {
        match self {
            Self::Started(pid) => {
                [b"P".as_slice(), &pid.as_raw_nonzero().get().to_le_bytes()].concat()
            }
            Self::Failed(reason) => [b"F", reason.as_bytes()].concat(),
            Self::Ended(End { how, is_by_order, is_lapsed }) => {
                let (is_signal, number) = match how {
                    Ended::Code(code) => (false, *code),
                    Ended::Signal(signal) => (true, *signal),
                };
                let flags = [is_signal, *is_by_order, *is_lapsed].map(u8::from);
                [b"E".as_slice(), &flags, &number.to_le_bytes()].concat()
            }
            Self::Gone => b"G".to_vec(),
        }
    }

    pub(crate) fn decode(packet: &[u8]) -> Option<Self> {
        let (kind, rest) = packet.split_first()?;
        match kind {
            b'P' => Pid::from_raw(i32::from_le_bytes(rest.try_into().ok()?)).map(Self::Started),
            b'F' => Some(Self::Failed(String::from_utf8_lossy(rest).into_owned())),
            b'E' => {
                let (flags, number) = rest.split_at_checked(3)?;
                let number = i32::from_le_bytes(number.try_into().ok()?);
                let [is_signal, is_by_order, is_lapsed] = flags else { return None };
                let how = if *is_signal == 1 { Ended::Signal(number) } else { Ended::Code(number) };
                let (is_by_order, is_lapsed) = (*is_by_order == 1, *is_lapsed == 1);
                Some(Self::Ended(End { how, is_by_order, is_lapsed }))
            }
            b'G' => Some(Self::Gone),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_was_said_is_heard_though_its_sender_ended_with_something_unread() {
        let (worker, guardian) = pair().unwrap();
        let renewal = Order::Renew(Boottime::now());
        put(&worker, &renewal.encode(), false).unwrap();
        put(&guardian, &Report::Gone.encode(), false).unwrap();
        drop(guardian);
        let heard = take(&worker, false).unwrap();
        assert_eq!(heard.as_deref().and_then(Report::decode), Some(Report::Gone));
        assert_eq!(take(&worker, false).unwrap(), None);
    }

    #[test]
    fn what_is_said_is_what_is_heard() {
        let (one, other) = pair().unwrap();
        let orders = [
            Order::Launch(vec![1, 2, 3]),
            Order::Start,
            Order::Renew(Boottime::now().plus(Duration::from_secs(5))),
            Order::Terminate,
            Order::Kill,
        ];
        for order in orders {
            put(&one, &order.encode(), false).unwrap();
            let packet = take(&other, false).unwrap().unwrap();
            assert_eq!(Order::decode(&packet), Some(order));
        }
        let end = |how, is_by_order, is_lapsed| Report::Ended(End { how, is_by_order, is_lapsed });
        let reports = [
            Report::Started(Pid::from_raw(4711).unwrap()),
            Report::Failed("no".to_owned()),
            end(Ended::Code(-1), false, false),
            end(Ended::Signal(9), true, false),
            end(Ended::Signal(9), false, true),
            Report::Gone,
        ];
        for report in reports {
            put(&other, &report.encode(), false).unwrap();
            let packet = take(&one, false).unwrap().unwrap();
            assert_eq!(Report::decode(&packet), Some(report));
        }
        drop(one);
        assert_eq!(take(&other, false).unwrap(), None);
    }

    #[test]
    fn a_guardian_that_does_not_read_costs_its_worker_nothing() {
        let (one, _other) = pair().unwrap();
        let renewal = Order::Renew(Boottime::now()).encode();
        let refused = (0..1_000_000).find_map(|_| put(&one, &renewal, false).err()).unwrap();
        assert_eq!(refused.kind(), io::ErrorKind::WouldBlock);
    }

    #[test]
    fn nonsense_is_nothing() {
        for packet in [b"".as_slice(), b"X", b"R123", b"E", b"E\0\0\0", b"P1", b"P\0\0\0\0"] {
            assert_eq!((Order::decode(packet), Report::decode(packet)), (None, None), "{packet:?}");
        }
    }
}
