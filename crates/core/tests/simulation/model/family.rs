//! Jobs that submit others, told as a rule that is looked at again and again: what has nothing left
//! to wait for ends.

use stint_core::{
    Ending, Epoch, Event, Job, JobId, LeaseId, Parent, Refusal, Reply, Status, TokenHash, TokenId,
    WorkerId, limits,
};

use super::{Answer, Model, over_limit};

impl Model {
    pub(super) fn give_token(
        &mut self,
        (worker, epoch): (WorkerId, Epoch),
        (job, lease): (JobId, LeaseId),
        hash: TokenHash,
    ) -> Answer {
        self.living(worker, epoch)?;
        let i = self.held(worker, job, lease)?;
        let has_it = |other: &Job| other.id != job && other.token == Some(hash);
        if self.live_jobs().any(has_it) || self.tokens.all.iter().any(|token| token.hash == hash) {
            return Err(Refusal::TokenTaken(TokenId::of(hash)));
        }
        self.jobs[i].job.token = Some(hash);
        Ok(Reply::Ok)
    }

    /// Whether a parent takes a child.
    pub(super) fn takes_child(&self, parent: Parent) -> Result<(), Refusal> {
        let Parent { job, lease } = parent;
        let stale = Refusal::StaleLease { job, lease };
        let i = self.live(job).ok_or(stale.clone())?;
        let run = self.jobs[i].job.attempts.last().filter(|run| run.end.is_none());
        if run.is_none_or(|run| run.lease != lease) {
            return Err(stale);
        }
        if self.jobs[i].job.status == Status::CancelRequest {
            return Err(Refusal::NoMoreChildren(job));
        }
        let line = self.line_of(i);
        let many = |count: usize| u64::try_from(count).expect("few");
        over_limit(many(line.len()), many(limits::GENERATIONS_MAX))?;
        let root = *line.last().expect("the parent itself");
        let descends = |i: &usize| *i != root && self.line_of(*i).contains(&root);
        let family = (0..self.jobs.len()).filter(|i| !self.jobs[*i].is_over).filter(descends);
        if family.count() >= limits::DESCENDANTS_MAX {
            let (root, limit) = (self.jobs[root].job.id, limits::DESCENDANTS_MAX);
            return Err(Refusal::TooManyChildren { root, limit });
        }
        Ok(())
    }

    /// The job, its parent, and so on.
    fn line_of(&self, i: usize) -> Vec<usize> {
        let parent = |i: &usize| self.jobs[*i].job.parent.and_then(|id| self.live(id));
        std::iter::successors(Some(i), parent).collect()
    }

    /// The places of the children that are not over, in the order of their ids.
    fn children_of(&self, i: usize) -> Vec<usize> {
        let id = Some(self.jobs[i].job.id);
        let mut children: Vec<_> = (0..self.jobs.len())
            .filter(|c| !self.jobs[*c].is_over && self.jobs[*c].job.parent == id)
            .collect();
        children.sort_by_key(|c| self.jobs[*c].job.id);
        children
    }

    /// A new child is its parent's business, too.
    pub(super) fn tell_parent_of(&mut self, i: usize) {
        let job = &self.jobs[i].job;
        let is_first_run = job.retry_from == job.id;
        let Some(p) = job.parent.and_then(|id| self.live(id)) else { return };
        self.jobs[p].job.children.left += 1;
        self.jobs[p].job.children.total += u32::from(is_first_run);
    }

    /// The job has nothing more to do than to wait for its children; without any it ends.
    pub(super) fn conclude(&mut self, i: usize, ending: Ending) {
        if self.children_of(i).is_empty() {
            return self.carry_out(i, ending);
        }
        self.jobs[i].job.ending = Some(ending);
        self.tell(Event::AwaitsChildren, i);
        if ending != Ending::Success || self.jobs[i].job.cancel_requested {
            self.cancel_children(i);
        }
    }

    pub(super) fn cancel_children(&mut self, i: usize) {
        for c in self.children_of(i) {
            let child = &self.jobs[c].job;
            let ends_anyway = child.ending.is_some_and(|ending| ending != Ending::Success);
            if !child.cancel_requested && !ends_anyway {
                self.cancel(child.id).expect("it is live");
            }
        }
    }

    fn carry_out(&mut self, i: usize, ending: Ending) {
        let job = &self.jobs[i].job;
        let was_asked_to_stop = job.status == Status::CancelRequest;
        let (have_failed, may_be_tried) = (job.children.failed > 0, job.retries_left > 0);
        let as_what = match (ending, was_asked_to_stop) {
            (Ending::Success, _) if !have_failed => Status::Done,
            (Ending::Success | Ending::Over(Status::WorkerDead | Status::WorkerShutdown), true) => {
                Status::Cancel
            }
            (Ending::Success | Ending::Failure, _) => Status::Error,
            (Ending::Over(status), _) => status,
        };
        self.jobs[i].job.ending = None;
        let is_tried_again = as_what == Status::Error && may_be_tried && !was_asked_to_stop;
        if is_tried_again {
            let now = stint_core::Timestamp::from_ms(self.now);
            self.jobs[i].job.retried_by = Some(self.jobs[i].job.id.derive(now, "retry"));
        }
        self.depart(i, as_what);
        if is_tried_again {
            self.retry(i);
        }
        let Some(p) = self.jobs[i].job.parent.and_then(|id| self.live(id)) else { return };
        let children = &mut self.jobs[p].job.children;
        children.left -= 1;
        children.failed += u32::from(as_what != Status::Done && !is_tried_again);
        if let Some(ending) = self.jobs[p].job.ending
            && self.children_of(p).is_empty()
        {
            self.carry_out(p, ending);
        }
    }
}
