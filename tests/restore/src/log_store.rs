//! openraft's view of the disk.

use std::fmt::Debug;
use std::io;
use std::ops::RangeBounds;

use openraft::storage::{IOFlushed, LogState, RaftLogStorage};
use openraft::{OptionalSend, RaftLogReader};

use crate::disk::{Done, Handle, Write};
use crate::plan::Votes;
use crate::{Entry, LogId, Types, Vote};

#[derive(Clone)]
pub(crate) struct LogStore {
    pub(crate) disk: Handle,
    pub(crate) votes: Votes,
    pub(crate) keeps_committed: bool,
}

impl RaftLogReader<Types> for LogStore {
    async fn try_get_log_entries<RB: RangeBounds<u64> + Clone + Debug + OptionalSend>(
        &mut self,
        range: RB,
    ) -> Result<Vec<Entry>, io::Error> {
        self.disk.read(|image| image.entries.range(range).map(|(_, entry)| entry.clone()).collect())
    }

    async fn read_vote(&mut self) -> Result<Option<Vote>, io::Error> {
        self.disk.read(|image| image.vote)
    }
}

impl RaftLogStorage<Types> for LogStore {
    type LogReader = Self;

    async fn get_log_state(&mut self) -> Result<LogState<Types>, io::Error> {
        let last = self
            .disk
            .read(|image| image.entries.last_key_value().map(|(_, entry)| entry.log_id))?;
        Ok(LogState { last_purged_log_id: None, last_log_id: last })
    }

    async fn get_log_reader(&mut self) -> Self {
        self.clone()
    }

    async fn save_vote(&mut self, vote: &Vote) -> Result<(), io::Error> {
        match self.votes {
            Votes::InOrder => self.disk.put_and_wait(Write::Vote(*vote)).await?,
            Votes::AtOnce => self.disk.put_at_once(&Write::Vote(*vote))?,
        }
        self.disk.trace().say(self.disk.node(), &format!("vote {vote} is durable"));
        Ok(())
    }

    async fn save_committed(&mut self, committed: Option<LogId>) -> Result<(), io::Error> {
        if self.keeps_committed {
            self.disk.put(Write::Committed(committed), Done::Nobody)?;
        }
        Ok(())
    }

    async fn read_committed(&mut self) -> Result<Option<LogId>, io::Error> {
        self.disk.read(|image| image.committed)
    }

    async fn append<I>(&mut self, entries: I, callback: IOFlushed<Types>) -> Result<(), io::Error>
    where
        I: IntoIterator<Item = Entry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let entries: Vec<Entry> = entries.into_iter().collect();
        if !self.disk.is_alive() {
            return Err(io::Error::other("this node has crashed"));
        }
        for entry in &entries {
            self.disk.trace().appended(self.disk.node(), entry);
        }
        self.disk.put(Write::Append(entries), Done::Openraft(callback))
    }

    async fn truncate_after(&mut self, last: Option<LogId>) -> Result<(), io::Error> {
        let from = last.map_or(0, |id| id.index + 1);
        self.disk.trace().say(self.disk.node(), &format!("cuts its log off from {from} on"));
        self.disk.put_and_wait(Write::TruncateFrom(from)).await
    }

    async fn purge(&mut self, _upto: LogId) -> Result<(), io::Error> {
        Err(io::Error::other("there are no snapshots here, so nothing is purged"))
    }
}
