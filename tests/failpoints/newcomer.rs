//! Replicas that join while others fail, get a vote, and are removed again.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;

use crate::harness::{http, wait_for};

use super::drive::Drive;
use super::failing;

/// A replica on its way in, and out again.
pub(super) struct Newcomer {
    number: usize,
    invitation: String,
    joining: Option<Child>,
    removal: Option<JoinHandle<()>>,
}

impl Drive {
    /// The next step of a newcomer: one is asked in, starts once it has joined, and is removed once it
    /// votes.
    pub(super) fn come_and_go(&mut self, target: usize) {
        let by = (target + 1) % 3;
        let Some(newcomer) = &mut self.newcomer else { return self.ask_in(by) };
        let i = newcomer.number;
        if let Some(joining) = &mut newcomer.joining {
            match joining.try_wait() {
                Ok(None) => {}
                Ok(Some(status)) if status.success() => {
                    newcomer.joining = None;
                    self.cluster.spawn(i);
                }
                Ok(Some(_)) | Err(_) => {
                    let config = &self.cluster.replicas[i].config;
                    newcomer.joining = Some(join(config, &newcomer.invitation));
                }
            }
            return;
        }
        let id = self.cluster.replicas[i].id.clone();
        let Ok(members) = self.cluster.members(by) else { return };
        let member = members.iter().find(|member| member["id"] == id.as_str());
        match member {
            None if newcomer.removal.is_some() => self.forget_newcomer(),
            Some(member) if member["isVoter"] == true => {
                let is_asked =
                    newcomer.removal.as_ref().is_some_and(|removal| !removal.is_finished());
                if !is_asked {
                    let address = self.cluster.replicas[by].address.clone();
                    newcomer.removal = Some(std::thread::spawn(move || {
                        let path = format!("/api/v0/meta/members/{id}");
                        // Whether it is gone is seen by the members.
                        drop(http::ask(&address, "DELETE", &path, None, None));
                    }));
                }
            }
            Some(_) | None => {}
        }
    }

    fn ask_in(&mut self, by: usize) {
        let body = r#"{"expiresIn":"5m"}"#;
        let Ok(answer) = self.cluster.post(by, "/api/v0/meta/invitations", body) else { return };
        if answer.status != 201 {
            return;
        }
        let invitation = answer.json()["invitation"].as_str().expect("an invitation").to_owned();
        self.numbers += 1;
        let options = self.options.clone();
        let number = self.cluster.newcomer(self.numbers, &options);
        self.cluster.replicas[number].program = failing();
        let joining = Some(join(&self.cluster.replicas[number].config, &invitation));
        self.newcomer = Some(Newcomer { number, invitation, joining, removal: None });
    }

    fn forget_newcomer(&mut self) {
        let Some(newcomer) = self.newcomer.take() else { return };
        if self.cluster.replicas[newcomer.number].is_running() {
            self.cluster.kill(newcomer.number);
        }
        if let Some(removal) = newcomer.removal {
            removal.join().expect("a request ends");
        }
    }

    /// Goes on until there is no newcomer.
    pub(super) fn part_with_newcomer(&mut self) {
        wait_for("a newcomer to be gone", || {
            if self.newcomer.is_none() {
                return Ok(());
            }
            self.come_and_go(0);
            std::thread::sleep(std::time::Duration::from_millis(100));
            Err(self.newcomer.as_ref().map(|newcomer| newcomer.number))
        });
    }
}

fn join(config: &Path, invitation: &str) -> Child {
    Command::new(failing())
        .args(["cluster", "join", "--invitation", invitation, "--config"])
        .arg(config)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the failing program starts")
}
