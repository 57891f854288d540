//! Makes the directory of `stint dev` ready: new, or as a former run has left it.

use std::fs;
use std::io::Read as _;
use std::net::TcpListener;

use anyhow::{Context as _, bail};

use super::plan::Plan;
use crate::config::Config;
use crate::init;

/// Checks the ports, writes the configurations, and prepares the data directories of a new cluster.
pub(super) fn all(plan: &Plan) -> anyhow::Result<()> {
    ports_are_free(plan)?;
    let dir = plan.dir();
    fs::create_dir_all(dir).with_context(|| format!("{}: cannot be made", dir.display()))?;
    let known = known_cluster(plan)?;
    if known.is_some() {
        ports_are_the_same(plan)?;
    }
    let cluster = match known {
        Some(cluster) => cluster,
        None => drawn()?,
    };
    for place in &plan.places {
        fs::write(&place.config, plan.config(place, cluster))
            .with_context(|| format!("{}: cannot be written", place.config.display()))?;
        let config = Config::of_file(&place.config)?;
        if known.is_none() {
            init::prepare(&config)?;
        }
    }
    Ok(())
}

/// The cluster that the directory holds; `None` if it is new.
fn known_cluster(plan: &Plan) -> anyhow::Result<Option<[u8; 16]>> {
    let mut owners = Vec::new();
    for place in &plan.places {
        owners.push((place, init::owner(&place.data_dir)?));
    }
    if owners.iter().all(|(_, owner)| owner.is_none()) {
        return Ok(None);
    }
    let mut cluster = None;
    for (place, owner) in owners {
        let Some(owner) = owner else {
            bail!(
                "{}: the data of replica {} is gone, and the others are there; a replica without \
                 its log cannot come back under its old id. Remove {} to begin anew",
                place.data_dir.display(),
                place.id,
                plan.dir().display()
            );
        };
        cluster = Some(owner.cluster);
    }
    Ok(cluster)
}

/// The members of a cluster are in its log, with their addresses.
fn ports_are_the_same(plan: &Plan) -> anyhow::Result<()> {
    for place in &plan.places {
        // A configuration that is not there or is broken is written anew.
        let Ok(former) = Config::of_file(&place.config) else { continue };
        let ports = (former.client_address.port(), former.peer_address.port());
        if ports != (place.client_port, place.peer_port) {
            bail!(
                "{}: this cluster was made with the ports {} and {} for replica {}; give the same \
                 --client-port and --peer-port, or another --data-dir",
                plan.dir().display(),
                ports.0,
                ports.1,
                place.id
            );
        }
    }
    Ok(())
}

fn ports_are_free(plan: &Plan) -> anyhow::Result<()> {
    for address in plan.places.iter().flat_map(|it| [it.client_address(), it.peer_address()]) {
        TcpListener::bind(&address).with_context(|| {
            format!(
                "{address} cannot be used; is another `stint dev` running? Choose other ports \
                 with --client-port and --peer-port"
            )
        })?;
    }
    Ok(())
}

/// A new cluster's id.
fn drawn() -> anyhow::Result<[u8; 16]> {
    let mut id = [0; 16];
    fs::File::open("/dev/urandom")
        .and_then(|mut source| source.read_exact(&mut id))
        .context("/dev/urandom: no random number can be drawn")?;
    Ok(id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dev::plan::tests::plan;

    #[test]
    fn a_directory_that_lost_one_replica_is_not_made_whole() {
        let dir = tempfile::tempdir().unwrap();
        let plan = plan(dir.path());
        assert_eq!(known_cluster(&plan).unwrap(), None);
        let cluster = drawn().unwrap();
        for place in &plan.places {
            fs::write(&place.config, plan.config(place, cluster)).unwrap();
            init::prepare(&Config::of_file(&place.config).unwrap()).unwrap();
        }
        assert_eq!(known_cluster(&plan).unwrap(), Some(cluster));
        ports_are_the_same(&plan).unwrap();

        let lost = plan.places.last().unwrap();
        fs::remove_dir_all(&lost.data_dir).unwrap();
        let error = known_cluster(&plan).unwrap_err().to_string();
        assert!(error.contains(&lost.id), "{error}");
    }

    #[test]
    fn a_cluster_keeps_its_ports() {
        let dir = tempfile::tempdir().unwrap();
        let mut plan = plan(dir.path());
        for place in &plan.places {
            fs::write(&place.config, plan.config(place, [7; 16])).unwrap();
        }
        plan.places.first_mut().unwrap().client_port += 1_000;
        let error = ports_are_the_same(&plan).unwrap_err().to_string();
        assert!(error.contains("7401"), "{error}");
    }
}
