//! Checksums around stored bytes, and reading fields back from them.

/// `crc32 ‖ body`. The checksum covers `context` too, so that a value found under the wrong key
/// does not pass.
pub(crate) fn seal(context: &[u8], body: &[u8]) -> Vec<u8> {
    let mut sealed = Vec::with_capacity(4 + body.len());
    sealed.extend_from_slice(&crc(context, body).to_le_bytes());
    sealed.extend_from_slice(body);
    sealed
}

/// The body of what [`seal`] made, or `None` when it is damaged.
pub(crate) fn unseal<'a>(context: &[u8], sealed: &'a [u8]) -> Option<&'a [u8]> {
    let (stored, body) = sealed.split_first_chunk::<4>()?;
    (u32::from_le_bytes(*stored) == crc(context, body)).then_some(body)
}

fn crc(context: &[u8], body: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(context);
    hasher.update(body);
    hasher.finalize()
}

/// Fields in the order in which they were written. Each answers `None` at the end of the bytes.
pub(crate) struct Fields<'a>(pub(crate) &'a [u8]);

impl<'a> Fields<'a> {
    pub(crate) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*head)
    }

    pub(crate) fn u8(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    /// A length and as many bytes.
    pub(crate) fn bytes(&mut self) -> Option<&'a [u8]> {
        let len = usize::try_from(self.u32()?).ok()?;
        let (head, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(head)
    }

    pub(crate) fn rest(self) -> &'a [u8] {
        self.0
    }
}

/// What [`Fields::bytes`] reads.
pub(crate) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    let len = u32::try_from(bytes.len()).expect("every stored field has a bound far below 4 GiB");
    out.extend_from_slice(&len.to_le_bytes());
    out.extend_from_slice(bytes);
}
