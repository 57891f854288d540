"""What the sabotages are: one promise each, broken by a change of a line or two.

Each has a name, the file, what stands there (exactly once), what is put in its place, and the cheapest
checker that has to notice: a package and the arguments of `cargo test`.
"""

CORE = ("stint-core", ["--test", "history", "--test", "simulation", "--test", "bounds"])
HISTORY = ("stint-core", ["--test", "history"])
SIMULATION = ("stint-core", ["--test", "simulation"])


def storage(name):
    return ("stint-storage", ["--lib", name])


def consensus(name):
    return ("stint-consensus", ["--test", "cluster", name])


def gateway(name):
    return ("stint-gateway", ["--test", "doors", name])


SABOTAGES = [
    # The specification.
    ("what is in use does not count against a capacity", "crates/core/src/capacity.rs",
     "*amount <= total.saturating_sub(in_use.amount(name))",
     "*amount <= total.max(in_use.amount(name))",
     HISTORY),
    ("a lease is not looked at", "crates/core/src/state.rs",
     "run.lease == lease && run.worker == worker && run.epoch == epoch",
     "run.worker == worker && run.epoch == epoch",
     HISTORY),
    ("an epoch is not looked at", "crates/core/src/state.rs",
     "if worker.is_alive_in(epoch) {\n            Ok(worker)",
     "if worker.is_alive_in(worker.epoch) {\n            Ok(worker)",
     HISTORY),
    ("a lease never ends", "crates/core/src/lease.rs",
     "    end_life(state, transition, id, WorkerStatus::Dead);\n    Ok(Reply::Ok)\n}\n\n/// The worker says",
     "    Ok(Reply::Ok)\n}\n\n/// The worker says",
     HISTORY),
    ("a renewal in the log does not void an expiry", "crates/core/src/lease.rs",
     "?.renewal != renewal {",
     "?.renewal < renewal {",
     HISTORY),
    ("a worker gets jobs while its former life may go on", "crates/core/src/claim.rs",
     "if !worker.is_confirmed {",
     "if !worker.is_confirmed && max == 0 {",
     HISTORY),
    ("a worker that is drained gets jobs", "crates/core/src/claim.rs",
     "if worker.draining.is_some() {",
     "if worker.draining.is_some() && max == 0 {",
     HISTORY),
    ("the mark of a cron does not move", "crates/core/src/cron/fire.rs",
     "        cron.next_run = firing.next_run;\n",
     "",
     HISTORY),
    ("a firing holds for any mark", "crates/core/src/cron/fire.rs",
     "            && cron.next_run == Some(self.mark)\n",
     "",
     HISTORY),
    ("lines that come twice are kept twice", "crates/core/src/lines.rs",
     "lines.drain(..skipped.min(lines.len()));",
     "lines.drain(..skipped.min(0));",
     SIMULATION),
    ("a gap in the lines is taken", "crates/core/src/lines.rs",
     "if first > known {",
     "if first > known.saturating_add(1_000_000) {",
     HISTORY),
    ("a job that has ended is forgotten at once", "crates/core/src/recent.rs",
     "        self.ids.contains(&id)\n",
     "        self.ids.contains(&id) && self.ids.len() > RECENTLY_ENDED_MAX\n",
     SIMULATION),
    ("a unique key is not looked at", "crates/core/src/submit.rs",
     "let key = new.policy.unique_key.as_ref()?;",
     "let key = new.policy.unique_key.as_ref().filter(|key| key.is_empty())?;",
     HISTORY),
    # The disk.
    ("an append is answered before it is synced", "crates/storage/src/log/writer.rs",
     "let commit = if is_idle { Commit::Lazy } else { Commit::Durable };",
     "let commit = if is_idle { Commit::Lazy } else { Commit::Visible };",
     storage("log::tests::power_cut")),
    ("a checkpoint is not synced", "crates/storage/src/state.rs",
     "database.write(Commit::Checkpoint, |txn| slot.finish(txn, count, index, header))?;",
     "database.write(Commit::Visible, |txn| slot.finish(txn, count, index, header))?;",
     storage("state::tests::power_cut")),
    ("fdatasync is never called", "crates/storage/src/disk.rs",
     "self.tapped(|tap| tap.sync()).and_then(|()| self.file.sync_data());",
     "self.tapped(|tap| tap.sync());",
     ("stint-storage", ["--test", "crash", "--", "--ignored", "power_cut"])),
    ("a log goes on after a failed sync", "crates/storage/src/database.rs",
     "        *slot = Slot::Failed(answer.clone());\n        answer",
     "        answer",
     storage("log::tests::faults")),
    ("the checksum of an entry is not compared", "crates/storage/src/log/table.rs",
     "let Some(entry) = unseal(&expected.to_be_bytes(), sealed.value()) else {",
     "let Some(entry) = sealed.value().get(4..) else {",
     storage("log::tests::faults")),
    ("the checksum of a snapshot is not compared", "crates/storage/src/snapshot/writer.rs",
     'unseal(&[], frame).ok_or_else(|| bad("a frame does not match its checksum"))',
     'frame.get(4..).ok_or_else(|| bad("a frame does not match its checksum"))',
     storage("snapshot::tests")),
    ("lost output is not noticed", "crates/storage/src/output/period.rs",
     "        if covered != synced.tally {",
     "        if covered != synced.tally && synced.is_closed {",
     storage("output::tests::damage")),
    ("a directory of another replica is opened", "crates/storage/src/identity.rs",
     "if self.replica != expected.replica {",
     "if self.replica == 0 && expected.replica > 0 {",
     ("stint-storage", ["--test", "directory"])),
    # Between replicas.
    ("the name in a peer's certificate is not looked at", "crates/tls/src/verify.rs",
     "        self.peer(end_entity)?;\n        Ok(verified)",
     "        Ok(verified)",
     ("stint-tls", ["--test", "handshakes"])),
    ("a vote is not synced", "crates/consensus/src/log_store.rs",
     "log.put(VOTE, &bytes, Durable::Now)",
     "log.put(VOTE, &bytes, Durable::Later)",
     ("stint-consensus", ["--lib", "log_store::"])),
    ("a leader reads without asking a majority", "crates/consensus/src/read.rs",
     "        if self.raft.is_leader() {\n            return self.read_index_here().await;",
     "        if self.raft.is_leader() {\n"
     "            return Ok(self.applied.read().applied.as_ref().map_or(0, |id| id.index));",
     consensus("reads::")),
    ("messages of another cluster are obeyed", "crates/consensus/src/peer_service.rs",
     "    if cluster == inner.cluster.as_ref() {\n        return Ok(());",
     "    if cluster.len() == inner.cluster.len() {\n        return Ok(());",
     consensus("strangers::")),
    ("no tombstone is kept of a deleted job", "crates/consensus/src/consequences.rs",
     "        job.status = Status::Deleted;\n        unwritten.push(record(&job));",
     "        job.status = Status::Deleted;",
     consensus("compaction::")),
    # The doors.
    ("a role is not looked at", "crates/gateway/src/api/access.rs",
     "Proof::User(token) if token.role >= needed => return Ok(()),",
     "Proof::User(token) if token.role <= needed || token.role >= needed => return Ok(()),",
     gateway("access::")),
    ("a token lasts for ever", "crates/gateway/src/api/access.rs",
     "                && token.is_valid_at(self.replica.now())\n",
     "",
     gateway("access::")),
    ("changes are not noted in the audit log", "crates/consensus/src/state_machine.rs",
     "                        audited.push(audit.store());\n",
     "                        drop(audit.store());\n",
     gateway("access::")),
    ("the size of a body has no bound", "crates/gateway/src/http/body.rs",
     "let limit = limits::BODY_BYTES_MAX;",
     "let limit = limits::BODY_BYTES_MAX << 8;",
     gateway("bad_input::")),
    ("an idempotency key is as good as none", "crates/gateway/src/api/idempotency.rs",
     "        for part in [PURPOSE, user.as_bytes(), &self.0] {",
     "        for part in [PURPOSE, user.as_bytes(), Builder::nil().as_uuid().as_bytes()] {",
     gateway("idempot")),
]
