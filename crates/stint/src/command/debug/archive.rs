//! The archive: files of text in a compressed tar, without what looks like a token.

use std::borrow::Cow;
use std::fs::File;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use flate2::Compression;
use flate2::write::GzEncoder;

/// Bytes of one file: the rest of a longer one is left out.
const FILE_BYTES_MAX: usize = 4 << 20;

/// How tokens begin, and how many characters of base64 follow.
const TOKEN: (&str, usize) = ("stint_", 43);

/// What stands in the place of a token.
const HIDDEN: &str = "(hidden)";

/// One file, or why there is none.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) name: String,
    pub(super) content: Result<String, String>,
}

impl Part {
    pub(super) fn of(name: impl Into<String>, content: Result<String, String>) -> Self {
        Self { name: name.into(), content }
    }

    pub(super) fn had(name: impl Into<String>, content: String) -> Self {
        Self::of(name, Ok(content))
    }

    pub(super) fn missing(name: impl Into<String>, why: String) -> Self {
        Self::of(name, Err(why))
    }
}

/// An archive that is being written.
pub(super) struct Archive<'a> {
    file: PathBuf,
    /// The directory in it that has all files.
    name: &'a str,
    /// The token of whoever calls.
    token: Option<&'a str>,
    tar: tar::Builder<GzEncoder<File>>,
}

impl<'a> Archive<'a> {
    /// For its owner alone, at a path where nothing is.
    pub(super) fn create(
        path: &Path,
        name: &'a str,
        token: Option<&'a str>,
    ) -> anyhow::Result<Self> {
        let opened = File::options().write(true).create_new(true).mode(0o600).open(path);
        let file = opened.with_context(|| format!("{}: it cannot be created", path.display()))?;
        let tar = tar::Builder::new(GzEncoder::new(file, Compression::default()));
        Ok(Self { file: path.to_owned(), name, token, tar })
    }

    pub(super) fn add(&mut self, part: &Part) -> anyhow::Result<()> {
        let Ok(text) = &part.content else { return Ok(()) };
        let text = scrubbed(text, self.token);
        let end = text.floor_char_boundary(FILE_BYTES_MAX);
        let (text, rest) = text.split_at(end);
        let mut bytes = Cow::Borrowed(text.as_bytes());
        if !rest.is_empty() {
            let note = format!("\n({} bytes more are left out)\n", rest.len());
            bytes.to_mut().extend_from_slice(note.as_bytes());
        }
        let mut header = tar::Header::new_gnu();
        header.set_size(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        header.set_mode(0o600);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        header.set_mtime(now.as_secs());
        let path = format!("{}/{}", self.name, part.name);
        let added = self.tar.append_data(&mut header, path, &*bytes);
        added.with_context(|| format!("{}: it cannot be written", self.file.display()))
    }

    pub(super) fn finish(self) -> anyhow::Result<()> {
        let end = || self.tar.into_inner()?.finish()?.sync_all();
        end().with_context(|| format!("{}: it cannot be written", self.file.display()))
    }
}

/// The text without the token of whoever calls, and without anything else that looks like a token:
/// replicas log none and tell none, and this is for the day on which that is not so.
fn scrubbed<'t>(text: &'t str, token: Option<&str>) -> Cow<'t, str> {
    let text = match token.filter(|token| !token.is_empty() && text.contains(*token)) {
        Some(token) => Cow::Owned(text.replace(token, HIDDEN)),
        None => Cow::Borrowed(text),
    };
    if !text.contains(TOKEN.0) {
        return text;
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = &*text;
    while let Some(at) = rest.find(TOKEN.0) {
        let (before, found) = rest.split_at(at);
        let body = found.split_at(TOKEN.0.len()).1;
        let is_of_token = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        let len = body.find(|c| !is_of_token(c)).unwrap_or(body.len());
        let (shown, after) =
            if len >= TOKEN.1 { (HIDDEN, body.split_at(len).1) } else { (TOKEN.0, body) };
        out.push_str(before);
        out.push_str(shown);
        rest = after;
    }
    out.push_str(rest);
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_a_token_is_hidden_and_names_of_metrics_are_not() {
        let token = format!("stint_{}", "aB3-_".repeat(9).split_at(43).0);
        let text = format!("stint_raft_is_leader 1\nbearer {token}, mine is x\"secret\"\n{token}");
        let hidden = "stint_raft_is_leader 1\nbearer (hidden), mine is x\"(hidden)\"\n(hidden)";
        assert_eq!(scrubbed(&text, Some("secret")), hidden);
        assert_eq!(scrubbed("stint_", None), "stint_");
        assert_eq!(scrubbed("nothing", Some("")), "nothing");
    }

    #[test]
    fn a_file_that_is_too_long_says_that_it_is_cut() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.tar.gz");
        let mut archive = Archive::create(&path, "a", None).unwrap();
        archive.add(&Part::had("long.txt", "é".repeat(FILE_BYTES_MAX))).unwrap();
        archive.add(&Part::missing("gone.txt", "why".to_owned())).unwrap();
        archive.finish().unwrap();
        let file = flate2::read::GzDecoder::new(File::open(&path).unwrap());
        let mut archive = tar::Archive::new(file);
        let entries: Vec<_> = archive.entries().unwrap().map(Result::unwrap).collect();
        assert_eq!(entries.len(), 1);
        let size = usize::try_from(entries[0].size()).unwrap();
        assert!((FILE_BYTES_MAX..FILE_BYTES_MAX + 64).contains(&size), "{size}");
        assert!(Archive::create(&path, "a", None).is_err(), "nothing is written over");
    }
}
