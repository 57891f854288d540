//! Whose a data directory is to the operating system. What root writes into one that is another user's,
//! a replica that runs as that user cannot open afterwards.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use anyhow::{Context as _, bail};

const ROOT: u32 = 0;

/// Refuses to have root write into the directory of another user. Of one that is not there yet nobody is
/// the user.
pub(crate) fn may_write(dir: &Path) -> anyhow::Result<()> {
    let owner = match fs::metadata(dir) {
        Ok(metadata) => metadata.uid(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error).with_context(|| dir.display().to_string()),
    };
    if is_spoiled(rustix::process::geteuid().as_raw(), owner) {
        let dir = dir.display();
        bail!(
            "{dir}: it belongs to another user, who could not open what root writes there; nothing was \
             changed. Do the same as that user: runuser -u $(stat -c %U {dir}) -- stint ..."
        );
    }
    Ok(())
}

/// Any other user can write there only where its owner wants it to.
const fn is_spoiled(us: u32, owner: u32) -> bool {
    us == ROOT && owner != ROOT
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_keeps_its_hands_off_what_is_another_users() {
        for (us, owner, expected) in
            [(0, 995, true), (0, 0, false), (995, 995, false), (10001, 0, false)]
        {
            assert_eq!(is_spoiled(us, owner), expected, "{us} in what is of {owner}");
        }
    }

    #[test]
    fn own_directories_and_those_that_are_not_there_are_fit_for_use() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        may_write(dir.path()).expect("it is ours");
        may_write(&dir.path().join("not-there")).expect("it is nobody's");
    }
}
