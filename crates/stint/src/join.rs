//! `stint cluster join`: a new replica of a cluster that runs, once.

use std::io::Read as _;
use std::path::Path;

use anyhow::{Context as _, bail};
use stint_consensus::{Joining, join};
use stint_gateway::Invitation;
use stint_storage::Store;

use crate::args::cluster::Join;
use crate::certificates::Certificates;
use crate::config::Config;
use crate::exit::{Exit, Usage};
use crate::init::hex;
use crate::{command, init, ownership, print};

pub(crate) fn run(args: &Join) -> anyhow::Result<Exit> {
    let config = Config::load(&args.layered.layers()?)?;
    let invitation = invitation(args)?;
    if invitation.cluster != config.cluster {
        bail!(
            "the invitation is to cluster {}, and the configuration is for cluster {}; set cluster.id \
             to the former if this replica is to be one of it",
            hex(invitation.cluster),
            hex(config.cluster)
        );
    }
    if !config.founders.is_empty() {
        bail!(
            "replica {} has cluster.members, as a founder of a cluster has; leave the list out for a \
             replica that joins: the cluster tells it who its members are",
            config.id
        );
    }
    let store = prepare(&config)?;
    let certificates = Certificates::load(&config)?;
    let joining = Joining {
        id: config.id,
        cluster: config.cluster,
        member: config.member.clone(),
        secret: invitation.secret.reveal(),
        peers: invitation.peers,
        peer_tls: certificates.peers,
    };
    let members = command::runtime()?.block_on(join(joining, &store))?;
    print::note(&format!(
        "replica {} is a member of cluster {}, which has {members} now; start it with: stint serve \
         --config {}",
        config.id,
        hex(config.cluster),
        args.layered.config.display()
    ));
    Ok(Exit::Done)
}

fn invitation(args: &Join) -> anyhow::Result<Invitation> {
    let text = match (&args.invitation, &args.invitation_file) {
        (Some(text), None) => text.clone(),
        (_, Some(file)) if file == Path::new("-") => {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text).context("standard input")?;
            text
        }
        (_, Some(file)) => {
            std::fs::read_to_string(file).with_context(|| file.display().to_string())?
        }
        (None, None) => return Err(Usage("there is no invitation".to_owned()).into()),
    };
    Ok(Invitation::parse(&text).map_err(|why| Usage(format!("the invitation: {why}")))?)
}

/// The data directory of a replica that joins: new, or prepared by an attempt before this one.
fn prepare(config: &Config) -> anyhow::Result<Store> {
    let dir = config.data_dir.as_path();
    ownership::may_write(dir)?;
    if let Some(owner) = init::owner(dir)?
        && (owner.replica != config.id.get() || owner.cluster != config.cluster)
    {
        bail!(
            "{}: it is prepared already, for replica {:012x} of cluster {}; nothing was changed",
            dir.display(),
            owner.replica,
            hex(owner.cluster)
        );
    }
    Store::open(dir, config.identity())
        .with_context(|| format!("{}: the data directory cannot be prepared", dir.display()))
}
