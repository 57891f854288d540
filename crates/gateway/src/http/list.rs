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

#[cfg(test)]
mod tests {
    use super::*;

    async fn pieces(count: usize, bytes: usize) -> Vec<Vec<u8>> {
        let body = body("things", vec!["x".repeat(bytes); count], |piece, thing| {
            serde_json::to_writer(piece, thing)
        });
        body.into_data_stream().map(|piece| piece.unwrap().to_vec()).collect().await
    }

    #[tokio::test]
    async fn a_small_list_is_one_piece_and_a_large_one_never_is_in_memory_as_a_whole() {
        assert_eq!(pieces(0, 0).await, [b"{\"things\":[]}"]);
        for (count, bytes, pieces_min) in
            [(1, 10, 1), (9, 10, 1), (200, 20_000, 20), (3, 70_000, 3)]
        {
            let pieces = pieces(count, bytes).await;
            assert!(pieces.len() >= pieces_min, "{} pieces of {count} things", pieces.len());
            let longest = pieces.iter().map(Vec::len).max().unwrap();
            assert!(longest < limits::PIECE_BYTES_MIN + bytes + 1_000, "{longest} bytes");
            let json: serde_json::Value = serde_json::from_slice(&pieces.concat()).unwrap();
            assert_eq!(json["things"].as_array().unwrap().len(), count);
        }
    }
}
