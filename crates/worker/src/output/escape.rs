//! Bytes as text, without loss: what is not UTF-8 is escaped, and everything else stays readable.
//!
//! A byte that is not part of UTF-8 is written `\xNN`, its value in two lower-case hexadecimal
//! digits, which are never below `80`. A piece of a line that goes on in the next line of its
//! stream ends in `\x..`. A backslash is written `\x5c` where it would otherwise begin one of these
//! three, and stays as it is everywhere else: paths and regular expressions keep their looks. To
//! get the bytes back, replace what has one of the three forms, from left to right.

/// The end of a piece that goes on in the next line.
pub(super) const GOES_ON: &str = r"\x..";

/// As much of the line `bytes` as fits in `bytes_max` bytes of text, and how many of its bytes that
/// are. If it is not all, the text ends in [`GOES_ON`].
pub(super) fn escape(bytes: &[u8], bytes_max: usize) -> (String, usize) {
    if bytes.len() <= bytes_max
        && !bytes.contains(&b'\\')
        && let Ok(text) = str::from_utf8(bytes)
    {
        return (text.to_owned(), bytes.len());
    }
    let cut_max = bytes_max.saturating_sub(GOES_ON.len());
    let mut text = String::with_capacity(bytes.len().min(bytes_max));
    // Where the text can be cut so that the mark still fits, and the bytes up to there.
    let mut cut = (0, 0);
    let mut rest = bytes;
    while let Some(unit) = Unit::first_of(rest) {
        let length_before = text.len();
        unit.write(&mut text);
        if text.len() > bytes_max {
            text.truncate(cut.0.min(length_before));
            text.push_str(GOES_ON);
            return (text, cut.1);
        }
        rest = rest.get(unit.len()..).unwrap_or_default();
        if text.len() <= cut_max {
            cut = (text.len(), bytes.len() - rest.len());
        }
    }
    (text, bytes.len())
}

/// What is written as a whole or not at all.
enum Unit<'a> {
    Text(&'a str),
    Escaped(u8),
}

impl<'a> Unit<'a> {
    fn first_of(bytes: &'a [u8]) -> Option<Self> {
        let first = *bytes.first()?;
        if first == b'\\' && reads_as_escape(bytes) {
            return Some(Self::Escaped(first));
        }
        // No character is longer than four bytes.
        let mut lengths = 1..=bytes.len().min(4);
        let text = lengths.find_map(|n| str::from_utf8(bytes.get(..n)?).ok());
        Some(text.map_or(Self::Escaped(first), Self::Text))
    }

    fn len(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Escaped(_) => 1,
        }
    }

    fn write(&self, text: &mut String) {
        match self {
            Self::Text(character) => text.push_str(character),
            Self::Escaped(byte) => {
                text.push_str(r"\x");
                for digit in [byte >> 4, byte & 0xf] {
                    text.push(char::from_digit(u32::from(digit), 16).unwrap_or('0'));
                }
            }
        }
    }
}

/// Whether these bytes, which begin with a backslash, have the form of an escape.
fn reads_as_escape(bytes: &[u8]) -> bool {
    match bytes.get(1..4) {
        Some(b"x5c" | b"x..") => true,
        Some([b'x', b'8' | b'9' | b'a'..=b'f', low]) => {
            low.is_ascii_digit() || (b'a'..=b'f').contains(low)
        }
        Some(_) | None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bytes that the text stands for, and whether the line goes on.
    fn unescape(text: &str) -> (Vec<u8>, bool) {
        let (text, goes_on) = match text.strip_suffix(GOES_ON) {
            Some(text) => (text, true),
            None => (text, false),
        };
        let mut bytes = Vec::new();
        let mut rest = text.as_bytes();
        while let Some(first) = rest.first() {
            if *first == b'\\' && reads_as_escape(rest) {
                let digits = str::from_utf8(&rest[2..4]).unwrap();
                bytes.push(u8::from_str_radix(digits, 16).unwrap());
                rest = &rest[4..];
            } else {
                bytes.push(*first);
                rest = &rest[1..];
            }
        }
        (bytes, goes_on)
    }

    #[test]
    fn text_stays_as_it_is_and_other_bytes_are_escaped() {
        for (bytes, expected) in [
            (&b"plain"[..], "plain"),
            ("grün ☃ 𝄞".as_bytes(), "grün ☃ 𝄞"),
            (br"C:\temp\xerxes \x41 \n \", r"C:\temp\xerxes \x41 \n \"),
            (b"a\xffb", r"a\xffb"),
            (b"\xe2\x98", r"\xe2\x98"),
            (b"\xf0\x9f\x98", r"\xf0\x9f\x98"),
            (b"\xc0\xaf", r"\xc0\xaf"),
            (br"\xff", r"\x5cxff"),
            (br"\x5c", r"\x5cx5c"),
            (br"\x..", r"\x5cx.."),
            (b"\\\xff", r"\\xff"),
            (b"\0\x1b[31m\r", "\0\x1b[31m\r"),
        ] {
            let (text, taken) = escape(bytes, 1_000);
            assert_eq!((text.as_str(), taken), (expected, bytes.len()));
            assert_eq!(unescape(&text), (bytes.to_vec(), false), "{text}");
        }
    }

    #[test]
    fn no_byte_is_lost_whatever_the_bytes_and_the_bound() {
        // A xorshift generator: every run of the test tries the same lines.
        let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
        let mut random = |below: u64| {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            usize::try_from(seed % below).unwrap()
        };
        let alphabet = [b'\\', b'x', b'.', b'5', b'c', b'f', b'a', 0xff, 0xe2, 0x98, 0x83, 0xc3];
        for _ in 0..20_000 {
            let length = random(40);
            let line: Vec<u8> = (0..length).map(|_| alphabet[random(12)]).collect();
            let bytes_max = 8 + random(30);
            let (mut bytes, mut rest) = (Vec::new(), &line[..]);
            loop {
                let (text, taken) = escape(rest, bytes_max);
                assert!(text.len() <= bytes_max, "{text:?} is longer than {bytes_max}");
                let (piece, goes_on) = unescape(&text);
                bytes.extend(piece);
                rest = &rest[taken..];
                assert_eq!(goes_on, !rest.is_empty(), "{line:?} at {bytes_max}");
                if rest.is_empty() {
                    break;
                }
            }
            assert_eq!(bytes, line, "at {bytes_max}");
        }
    }
}
