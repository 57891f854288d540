//! A list as JSON: in one piece if it is small, and else piece by piece.

use std::convert::Infallible;
use std::iter::Peekable;
use std::vec::IntoIter;

use axum::body::Body;
use futures_util::{StreamExt as _, stream};

use crate::limits;

/// What is still to be written, and how one thing is.
struct Rest<T, W> {
    things: Peekable<IntoIter<T>>,
    write: W,
}

/// `{"name":[...]}`. Whole lists are not made in memory: a thousand jobs or crons may have a quarter
/// of a gigabyte of parameters.
pub(super) fn body<T, W>(name: &str, things: Vec<T>, write: W) -> Body
where
    T: Send + 'static,
    W: Fn(&mut Vec<u8>, &T) -> serde_json::Result<()> + Send + 'static,
{
    let mut rest = Rest { things: things.into_iter().peekable(), write };
    let mut first = format!("{{\"{name}\":[").into_bytes();
    rest.fill(&mut first);
    if rest.things.len() == 0 {
        return first.into();
    }
    let rest = stream::unfold(rest, async |mut rest| {
        rest.things.peek()?;
        let mut piece = Vec::new();
        rest.fill(&mut piece);
        Some((piece, rest))
    });
    Body::from_stream(stream::iter([first]).chain(rest).map(Ok::<_, Infallible>))
}

impl<T, W: Fn(&mut Vec<u8>, &T) -> serde_json::Result<()>> Rest<T, W> {
    /// Adds things until there are enough bytes, and the end of the list after the last one.
    fn fill(&mut self, piece: &mut Vec<u8>) {
        while let Some(thing) = self.things.next() {
            (self.write)(piece, &thing).expect(
                "the shapes of the API have texts for names, and writing to memory does not fail",
            );
            if self.things.peek().is_none() {
                break;
            }
            piece.push(b',');
            if piece.len() >= limits::PIECE_BYTES_MIN {
                return;
            }
        }
        piece.extend_from_slice(b"]}");
    }
}
