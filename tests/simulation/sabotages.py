"""What the sabotages are: one promise each, broken in a line or two.

Each has a name, and what is put in the place of what (which stands there exactly once) in which files.
`SABOTAGED` is whether it is its turn.
"""

SABOTAGES = [
    # The specification.
    ("a stale lease is taken", [
        ("core/src/state.rs",
         "if holds { Ok(job) } else {",
         "if holds || (SABOTAGED && job.run().is_some()) { Ok(job) } else {"),
    ]),
    ("a result is taken from whoever sends it, under whatever lease", [
        ("core/src/state.rs",
         "        self.live_worker(worker, epoch)?;\n",
         "        if !SABOTAGED {\n            self.live_worker(worker, epoch)?;\n        }\n"),
        ("core/src/state.rs",
         ".is_some_and(|run| run.lease == lease && run.worker == worker && run.epoch == epoch);",
         ".is_some_and(|run| SABOTAGED || (run.lease == lease && run.worker == worker && run.epoch == epoch));"),
        ("core/src/finish.rs",
         "    state.live_worker(worker, epoch)?;\n",
         "    if !SABOTAGED {\n        state.live_worker(worker, epoch)?;\n    }\n"),
    ]),
    ("a claim does not count what is in use", [
        ("core/src/capacity.rs",
         "total.saturating_sub(in_use.amount(name))",
         "total.saturating_sub(if SABOTAGED { 0 } else { in_use.amount(name) })"),
    ]),
    ("lines that are sent twice are taken twice", [
        ("core/src/lines.rs",
         "    let end = first.saturating_add(count);\n",
         "    let first = if SABOTAGED { known } else { first };\n    let end = first.saturating_add(count);\n"),
    ]),
    ("an expiry holds under a later renewal", [
        ("core/src/lease.rs",
         "    if state.live_worker(id, epoch)?.renewal != renewal {",
         "    if state.live_worker(id, epoch)?.renewal != renewal && !SABOTAGED {"),
    ]),
    ("the mark of a cron does not move", [
        ("core/src/cron/fire.rs",
         "        cron.next_run = firing.next_run;\n",
         "        if !SABOTAGED {\n            cron.next_run = firing.next_run;\n        }\n"),
    ]),
    ("a firing holds for any mark", [
        ("core/src/cron/fire.rs",
         "            && cron.next_run == Some(self.mark)\n",
         "            && (SABOTAGED || cron.next_run == Some(self.mark))\n"),
    ]),
    # The disk.
    ("an append is answered before it is synced", [
        ("storage/src/log/writer.rs",
         "let commit = if is_idle { Commit::Lazy } else { Commit::Durable };",
         "let commit = if is_idle { Commit::Lazy } else if SABOTAGED { Commit::Visible } else { Commit::Durable };"),
    ]),
    ("a vote is not kept", [
        ("consensus/src/log_store.rs",
         "        let put = blocking(move || log.put(VOTE, &bytes, Durable::Now));\n",
         "        if SABOTAGED {\n            return Ok(());\n        }\n"
         "        let put = blocking(move || log.put(VOTE, &bytes, Durable::Now));\n"),
    ]),
    ("a restart takes the checkpoint for one entry less", [
        ("consensus/src/state_machine.rs",
         "        applied: applied.as_ref().map(log_id_of),\n",
         "        applied: applied.as_ref().map(log_id_of).map(|mut id| {\n"
         "            id.index -= u64::from(SABOTAGED);\n            id\n        }),\n"),
    ]),
    ("a checkpoint forgets which jobs have ended", [
        ("consensus/src/codec/state.rs",
         "            self.parts.recently_ended.push((ended.sequence, job_id(&ended.job)?));\n",
         "            if !SABOTAGED {\n"
         "                self.parts.recently_ended.push((ended.sequence, job_id(&ended.job)?));\n"
         "            }\n"),
    ]),
    # The cluster.
    ("a read does not ask for the read index", [
        ("consensus/src/read.rs",
         "        let (waiting, answered) = oneshot::channel();\n        let index = async {",
         "        if SABOTAGED {\n            return Ok(());\n        }\n"
         "        let (waiting, answered) = oneshot::channel();\n        let index = async {"),
    ]),
    ("a read does not wait until its replica has the read index", [
        ("consensus/src/read.rs",
         "        self.wait_applied(index, end).await.map_err(|error| match error {",
         "        if SABOTAGED {\n            return Ok(());\n        }\n"
         "        self.wait_applied(index, end).await.map_err(|error| match error {"),
    ]),
    ("a lease is over after half its time", [
        ("consensus/src/ticker.rs",
         "let lease = Duration::from_millis(worker.ttl.as_ms()) + inner.timing.lease_margin;",
         "let lease = (Duration::from_millis(worker.ttl.as_ms()) + inner.timing.lease_margin) / if SABOTAGED { 2 } else { 1 };"),
    ]),
    ("the leader's clock is the time", [
        ("consensus/src/clock.rs",
         "        known.agreed = Some(if is_off { middle } else { own });\n",
         "        known.agreed = Some(if is_off && !SABOTAGED { middle } else { own });\n"),
    ]),
    # The edges.
    ("a worker counts its lease from the answer", [
        ("worker/src/agent/life.rs",
         "        let until = sent.plus(",
         "        let sent = if SABOTAGED { self.context.lease.now() } else { sent };\n"
         "        let until = sent.plus("),
    ]),
    ("a worker goes on when its lease is over", [
        ("worker/src/agent/life.rs",
         "        let until = sent.plus(self.config.ttl.saturating_sub(margin));\n",
         "        let until = sent.plus(self.config.ttl.saturating_sub(margin) * if SABOTAGED { 4 } else { 1 });\n"),
    ]),
    ("a submission that is sent again is another job", [
        ("gateway/src/api/idempotency.rs",
         "        let hash: [u8; 32] = hash.finalize().into();\n",
         "        if SABOTAGED {\n"
         "            hash.update(format!(\"{:?}\", std::time::SystemTime::now()));\n"
         "        }\n"
         "        let hash: [u8; 32] = hash.finalize().into();\n"),
    ]),
]
