//! The files that pages load, within the program, and the version of them all.

use std::sync::LazyLock;

use sha2::{Digest as _, Sha256};

/// One file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asset {
    name: &'static str,
    /// What it says.
    pub text: &'static str,
}

macro_rules! assets {
    ($($name:literal),* $(,)?) => {
        &[$(Asset { name: $name, text: include_str!(concat!("../assets/", $name)) }),*]
    };
}

/// All of them.
const ALL: &[Asset] = assets![
    "ansi.js",
    "api.js",
    "bulk.js",
    "cluster.js",
    "crons.js",
    "dom.js",
    "format.js",
    "frame.js",
    "icon.svg",
    "job.js",
    "jobs.js",
    "log.js",
    "plot.js",
    "settings.js",
    "style.css",
    "submit.js",
    "time.js",
    "watch.js",
    "watcher.js",
    "workers.js",
];

/// What stands for exactly these files in their addresses, so that browsers may keep them for ever and
/// never mix those of two builds.
pub static VERSION: LazyLock<String> = LazyLock::new(|| {
    let mut hash = Sha256::new();
    for asset in ALL {
        for text in [asset.name, asset.text] {
            hash.update(text.len().to_be_bytes());
            hash.update(text);
        }
    }
    let digest = hash.finalize();
    digest.iter().take(8).fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
});

impl Asset {
    /// The file of this name.
    pub fn named(name: &str) -> Option<Self> {
        ALL.iter().copied().find(|asset| asset.name == name)
    }

    /// Its content type.
    pub fn kind(self) -> &'static str {
        match self.name.rsplit_once('.') {
            Some((_, "js")) => "text/javascript; charset=utf-8",
            Some((_, "css")) => "text/css; charset=utf-8",
            Some((_, "svg")) => "image/svg+xml",
            Some(_) | None => "text/plain; charset=utf-8",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a browser loads for all pages together, before anything is compressed.
    const BYTES_MAX: usize = 200 * 1024;

    #[test]
    fn all_files_together_are_small_and_none_is_missing() {
        let bytes: usize = ALL.iter().map(|asset| asset.text.len()).sum();
        assert!(bytes < BYTES_MAX, "{bytes} bytes");
        let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/assets");
        let mut there: Vec<_> = std::fs::read_dir(dir)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        there.sort();
        assert_eq!(there, ALL.iter().map(|asset| asset.name).collect::<Vec<_>>());
    }

    #[test]
    fn what_a_module_imports_is_there_and_nothing_comes_from_elsewhere() {
        for asset in ALL {
            for line in asset.text.lines().filter(|line| line.starts_with("import ")) {
                let from = line.split('"').nth(1).and_then(|path| path.strip_prefix("./"));
                let from = from.unwrap_or_else(|| panic!("{}: {line}", asset.name));
                assert!(Asset::named(from).is_some(), "{}: {line}", asset.name);
            }
            let text = asset.text.replace("http://www.w3.org/", "");
            assert!(!text.contains("http://") && !text.contains("https://"), "{}", asset.name);
        }
    }
}
