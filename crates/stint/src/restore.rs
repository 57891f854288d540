//! `stint restore`: the data directory of a founder of a new cluster, out of a backup.

use anyhow::Context as _;

use crate::args::disaster::Restore;
use crate::config::Config;
use crate::exit::Exit;
use crate::{backup, init, ownership, print};

pub(crate) fn run(args: &Restore) -> anyhow::Result<Exit> {
    let config = Config::load(&args.layered.layers()?)?;
    let dir = config.data_dir.as_path();
    ownership::may_write(dir)?;
    let info = stint_consensus::restore(&args.file, dir, config.identity(), &config.founders)
        .with_context(|| format!("{}: it is not restored", args.file.display()))?;
    print::text(&backup::text(&info))?;
    let file = args.layered.config.display();
    print::note(&format!(
        "{}: restored for replica {} of the new cluster {}; start it with: stint serve --config {file}",
        dir.display(),
        config.id,
        init::hex(config.cluster),
    ));
    let others = config.founders.keys().filter(|id| **id != config.id);
    let others: Vec<_> = others.map(ToString::to_string).collect();
    if !others.is_empty() {
        print::note(&format!(
            "restore the others ({}) from the same file, with the same cluster in their configuration. \
             `stint init` is not for them: what it prepares is a stranger to this one",
            others.join(", ")
        ));
    }
    Ok(Exit::Done)
}
