//! A stream of bytes becomes lines.

use stint_core::{Line, Stream};

use super::escape::escape;

/// Splits what one stream carries at its line feeds; too long a line becomes several.
#[derive(Debug)]
pub(super) struct Splitter {
    stream: Stream,
    line_bytes_max: usize,
    /// What has come since the last line feed.
    rest: Vec<u8>,
}

impl Splitter {
    pub(super) fn new(stream: Stream, line_bytes_max: usize) -> Self {
        Self { stream, line_bytes_max, rest: Vec::new() }
    }

    /// Adds the lines that `bytes` complete.
    pub(super) fn push(&mut self, bytes: &[u8], lines: &mut Vec<Line>) {
        let mut parts = bytes.split_inclusive(|byte| *byte == b'\n');
        let rest = parts.next_back();
        for part in parts.chain(rest.filter(|part| part.ends_with(b"\n"))) {
            self.rest.extend_from_slice(part.strip_suffix(b"\n").unwrap_or(part));
            self.complete(lines);
        }
        self.rest.extend_from_slice(rest.filter(|part| !part.ends_with(b"\n")).unwrap_or_default());
        // Text is never shorter than its bytes, so more than the bound is more than one piece, and
        // a character that is not all here yet is not in the first.
        while self.rest.len() > self.line_bytes_max {
            let piece = self.take();
            lines.push(piece);
        }
    }

    /// The line that no line feed ended.
    pub(super) fn finish(mut self) -> Vec<Line> {
        let mut lines = Vec::new();
        if !self.rest.is_empty() {
            self.complete(&mut lines);
        }
        lines
    }

    fn complete(&mut self, lines: &mut Vec<Line>) {
        loop {
            lines.push(self.take());
            if self.rest.is_empty() {
                return;
            }
        }
    }

    fn take(&mut self) -> Line {
        let (text, taken) = escape(&self.rest, self.line_bytes_max);
        self.rest.drain(..taken);
        Line { stream: self.stream, text }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(chunks: &[&[u8]], line_bytes_max: usize) -> Vec<String> {
        let mut splitter = Splitter::new(Stream::Out, line_bytes_max);
        let mut lines = Vec::new();
        for chunk in chunks {
            splitter.push(chunk, &mut lines);
        }
        lines.extend(splitter.finish());
        lines.into_iter().map(|line| line.text).collect()
    }

    #[test]
    fn lines_are_what_line_feeds_end() {
        for (chunks, expected) in [
            (&[&b""[..]][..], &[][..]),
            (&[b"a\nb\n"], &["a", "b"]),
            (&[b"a\n\n\nb"], &["a", "", "", "b"]),
            (&[b"a", b"b", b"\n", b"c"], &["ab", "c"]),
            (&[b"a\r\n"], &["a\r"]),
            (&[b"\n"], &[""]),
            (&[b"gr\xc3", b"\xbcn\n"], &["grün"]),
        ] {
            assert_eq!(split(chunks, 64), expected);
        }
    }

    #[test]
    fn a_long_line_goes_on_in_the_next() {
        assert_eq!(split(&[b"0123456789\n"], 10), ["0123456789"]);
        assert_eq!(split(&[b"0123456789a\nb"], 10), [r"012345\x..", "6789a", "b"]);
        assert_eq!(split(&[&[b'x'; 8], &[b'x'; 8]], 10), [r"xxxxxx\x..", "xxxxxxxxxx"]);
        // A character is not torn apart, even if it comes in two reads.
        assert_eq!(
            split(&["aaaaa☃".as_bytes(), b"bbb\xe2", b"\x98\x83\n"], 10),
            [r"aaaaa\x..", "☃bbb☃"]
        );
    }

    #[test]
    fn a_line_without_end_takes_bounded_memory() {
        let mut splitter = Splitter::new(Stream::Err, 100);
        for _ in 0..1_000 {
            let mut lines = Vec::new();
            splitter.push(&[0xff; 1_000], &mut lines);
            assert!(splitter.rest.len() <= 100);
            assert!(lines.iter().all(|line| line.text.len() <= 100));
        }
    }
}
