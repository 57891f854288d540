//! `stint config`: what a replica would be told, and whether it could work by that.

use crate::args::{Config as Command, Layered};
use crate::certificates::Certificates;
use crate::config::{self, Config};
use crate::exit::Exit;
use crate::{init, logging, print};

pub(crate) fn run(command: Command) -> anyhow::Result<Exit> {
    match command {
        Command::Check(layered) => check(&layered),
        Command::Show { layered, secrets } => {
            print::text(&config::show(&layered.layers()?, secrets)?)?;
            Ok(Exit::Done)
        }
    }
}

/// All that `serve` looks at before it opens anything. What only looks unfinished is said, too.
fn check(layered: &Layered) -> anyhow::Result<Exit> {
    let config = Config::load(&layered.layers()?)?;
    Certificates::load(&config)?;
    logging::filter(&config.log)?;
    let file = layered.config.display();
    let dir = config.data_dir.display();
    match init::owner(&config.data_dir)? {
        None if config.founders.is_empty() => print::note(&format!(
            "{dir}: it is not prepared; for a NEW replica of a cluster that runs: stint cluster join \
             --config {file} --invitation-file FILE"
        )),
        None => print::note(&format!(
            "{dir}: it is not prepared; for a NEW replica of a NEW cluster: stint init --config {file}"
        )),
        Some(owner) if owner != config.identity() => anyhow::bail!(
            "{dir}: it belongs to replica {:012x} of cluster {}, and the configuration is for \
             replica {} of cluster {}",
            owner.replica,
            init::hex(owner.cluster),
            config.id,
            init::hex(config.cluster)
        ),
        Some(_) => {}
    }
    print::text(&format!("{file}: replica {} can start with it\n", config.id))?;
    Ok(Exit::Done)
}
