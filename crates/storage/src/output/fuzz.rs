//! Pieces of output behind a good checksum, whatever they are.

use crate::checked::seal;

use super::piece::{self, Assembly, KEY_BYTES};

/// Of each piece: what of its key is not the job, its value, and between them a length.
const PIECE_HEAD_BYTES: usize = KEY_BYTES - 16 + 1;

#[test]
fn pieces_of_output_are_refused_or_put_together_in_their_order() {
    bolero::check!().for_each(|bytes| {
        let mut assembly = Assembly::default();
        let mut rest: &[u8] = bytes;
        while let Some((head, after)) = rest.split_first_chunk::<PIECE_HEAD_BYTES>() {
            let [place @ .., length] = head;
            let (body, after) = after.split_at(after.len().min(usize::from(*length)));
            rest = after;
            let key = [&[7; 16], place.as_slice()].concat();
            let Some(piece) = piece::parse(&key, &seal(&key, body)) else { continue };
            assert_eq!(piece.value(&key), seal(&key, body), "it comes back as it was");
            match assembly.add(&piece) {
                Ok(Some(batch)) => assert!(batch.bytes.len() <= bytes.len()),
                Ok(None) => {}
                Err(_incomplete) => assembly = Assembly::default(),
            }
        }
    });
}
