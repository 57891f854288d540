//! Replicas that join a cluster that runs, and that leave it.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use super::cluster::{Cluster, Options, Replica, certify, config, path};
use super::program::{Run, STINT, stint_of};
use super::wait_for;

/// Where a new replica is, if not where its number says.
#[derive(Debug, Default)]
pub(crate) struct Place {
    pub(crate) data_dir: Option<PathBuf>,
    /// The last number of its address.
    pub(crate) host: Option<usize>,
}

impl Cluster {
    /// A replica of this number that is no member yet, with a configuration and nothing else.
    pub(crate) fn newcomer(&mut self, number: usize, options: &Options) -> usize {
        let replica = self.outsider(number, &Place::default(), options);
        self.replicas.push(replica);
        self.replicas.len() - 1
    }

    /// The same at a place of its own, and not among the replicas yet.
    pub(crate) fn outsider(&self, number: usize, place: &Place, options: &Options) -> Replica {
        let address = &self.replicas[0].address;
        let net = address.rsplit_once('.').expect("an address of IPv4").0;
        let base = self.dir.path().join(number.to_string());
        let replica = Replica {
            id: format!("{number:012x}"),
            address: format!("{net}.{}:7400", place.host.unwrap_or(number)),
            config: base.with_extension("toml"),
            log: base.with_extension("log"),
            data_dir: place.data_dir.clone().unwrap_or(base),
            program: STINT.into(),
            child: None,
        };
        fs::write(&replica.config, config(&replica, &[], options)).expect("a config file");
        if let Some(authority) = self.authority() {
            certify(&replica, authority, self.dir.path());
        }
        replica
    }

    /// An invitation from replica `i`, good for so long.
    pub(crate) fn invite(&self, i: usize, expires_in: &str) -> String {
        let body = format!(r#"{{"expiresIn":"{expires_in}"}}"#);
        let answer = wait_for("an invitation", || {
            let answer = self.post(i, "/api/v0/meta/invitations", &body)?;
            // There may be an election.
            if answer.status == 503 { Err(format!("{answer:?}")) } else { Ok(answer) }
        });
        assert_eq!(answer.status, 201, "{answer:?}");
        answer.json()["invitation"].as_str().expect("an invitation").to_owned()
    }

    /// `stint cluster join` of replica `i`.
    pub(crate) fn join(&self, i: usize, invitation: &str) -> Run {
        let config = path(&self.replicas[i].config);
        stint_of(
            &self.replicas[i].program,
            &["cluster", "join", "--config", config, "--invitation", invitation],
        )
    }

    /// Has a new replica join by way of replica `by`, starts it, and waits until it votes.
    pub(crate) fn grow(&mut self, by: usize, number: usize, options: &Options) -> usize {
        let i = self.newcomer(number, options);
        self.admit(by, i);
        i
    }

    /// Has replica `i` join by way of replica `by`, starts it, and waits until it votes.
    pub(crate) fn admit(&mut self, by: usize, i: usize) {
        let invitation = self.invite(by, "10m");
        // There may be an election, or nobody answers in time; the same may be asked again.
        wait_for("a replica to join", || {
            let joined = self.join(i, &invitation);
            if joined.code == Some(0) { Ok(()) } else { Err(joined) }
        });
        self.starts_voting(by, i);
    }

    /// Starts replica `i`, which has joined, and waits until it votes.
    pub(crate) fn starts_voting(&mut self, by: usize, i: usize) {
        self.spawn(i);
        let id = self.replicas[i].id.clone();
        for asked in [by, i] {
            wait_for(&format!("replica {id} to vote, as replica {asked} says"), || {
                let members = self.members(asked)?;
                let is_one = |member: &&Value| member["id"] == id.as_str();
                if members.iter().find(is_one).is_some_and(|member| member["isVoter"] == true) {
                    return Ok(());
                }
                Err(format!("{members:?}\n{}", self.log_tail(i)))
            });
        }
    }

    /// Removes replica `i` by way of replica `by`.
    pub(crate) fn remove(&self, by: usize, i: usize) -> super::http::Answer {
        let path = format!("/api/v0/meta/members/{}", self.replicas[i].id);
        self.delete(by, &path).expect("an answer")
    }

    /// The same, as soon as that one answers and has it agreed on.
    pub(crate) fn remove_soon(&self, by: usize, i: usize) {
        let path = format!("/api/v0/meta/members/{}", self.replicas[i].id);
        wait_for("a replica to be removed", || {
            let answer = self.delete(by, &path)?;
            if answer.status == 204 { Ok(()) } else { Err(format!("{answer:?}")) }
        });
    }

    /// The members as replica `i` knows them.
    pub(crate) fn members(&self, i: usize) -> Result<Vec<Value>, String> {
        let status = self.get(i, "/api/v0/meta/cluster_status")?;
        Ok(status.json()["members"].as_array().cloned().unwrap_or_default())
    }

    /// Whether the process of replica `i` is over. It stays to be waited for.
    pub(crate) fn is_over(&mut self, i: usize) -> bool {
        let child = self.replicas[i].child.as_mut();
        child.is_none_or(|child| matches!(child.try_wait(), Ok(Some(_))))
    }

    /// Waits until the process of replica `i` has ended by itself, and gives its exit code.
    pub(crate) fn wait_until_ended(&mut self, i: usize) -> Option<i32> {
        let mut child = self.replicas[i].child.take().expect("the replica runs");
        let status = wait_for(&format!("replica {i} to end by itself"), || {
            let ended = child.try_wait().expect("a process can be waited for");
            ended.ok_or_else(|| self.log_tail(i))
        });
        status.code()
    }
}
