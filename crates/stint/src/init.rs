//! `stint init`: prepares the data directory of a new replica of a new cluster, once.

use std::path::Path;

use anyhow::{Context as _, bail};
use stint_storage::{Identity, Store};

use crate::args::Init;
use crate::config::Config;
use crate::exit::Exit;
use crate::{first_token, ownership, print};

pub(crate) fn run(args: &Init) -> anyhow::Result<Exit> {
    let config = Config::load(&args.layered.layers()?)?;
    if config.founders.is_empty() {
        bail!(
            "replica {} has no cluster.members, so it is no founder of a cluster. A new replica of a \
             cluster that runs joins it with: stint cluster join --config {}",
            config.id,
            args.layered.config.display()
        );
    }
    prepare(&config)?;
    if let Some(file) = &args.admin_token_file {
        first_token::draw(file, &config.data_dir)?;
    }
    // Standard output may be for the token alone.
    print::note(&format!(
        "{}: prepared for replica {} of cluster {}; start it with: stint serve --config {}",
        config.data_dir.display(),
        config.id,
        hex(config.cluster),
        args.layered.config.display()
    ));
    Ok(Exit::Done)
}

/// Writes what a new replica has. A directory that is anybody's already is left alone.
pub(crate) fn prepare(config: &Config) -> anyhow::Result<()> {
    let dir = config.data_dir.as_path();
    ownership::may_write(dir)?;
    if let Some(owner) = owner(dir)? {
        bail!(
            "{}: it is prepared already, for replica {:012x} of cluster {}; nothing was changed",
            dir.display(),
            owner.replica,
            hex(owner.cluster)
        );
    }
    let store = Store::open(dir, config.identity())
        .with_context(|| format!("{}: the data directory cannot be prepared", dir.display()))?;
    if !store.is_new() {
        bail!("{}: another process has prepared it just now", dir.display());
    }
    Ok(())
}

/// Whose directory this is; `None` if it is nobody's yet. One that this version cannot read is refused.
pub(crate) fn owner(dir: &Path) -> anyhow::Result<Option<Identity>> {
    let owner = Store::identity_of(dir)?;
    stint_consensus::check_level(dir)?;
    Ok(owner)
}

/// An id of a cluster as it is written.
pub(crate) fn hex(id: [u8; 16]) -> String {
    format!("{:032x}", u128::from_be_bytes(id))
}
