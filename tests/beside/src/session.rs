//! The session: both clusters, round after round in turn, and then what only one of them is asked.

use std::time::Duration;

use anyhow::{Context as _, bail};

use crate::etcd::Etcd;
use crate::ours::Ours;
use crate::report::Report;
use crate::round::{Load, Round, Side};
use crate::{Args, etcd, machine, note, plot};

/// Rounds for each one that counts, before it is given up that the machine gets quiet.
const TRIES: u32 = 3;

/// What the first write of a connection and of a file costs is not what is measured.
const WARM_UP: Duration = Duration::from_secs(2);

/// Two clusters, and how much is asked of them.
struct Session {
    args: Args,
    etcd: Etcd,
    ours: Ours,
    count: u32,
}

pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    std::fs::create_dir_all(&args.data).context("the place for the data")?;
    let place = tempfile::Builder::new().prefix("beside-").tempdir_in(&args.data)?;
    let (theirs, own) = (place.path().join("etcd"), place.path().join("stint"));
    for dir in [&theirs, &own] {
        std::fs::create_dir(dir).context("a directory")?;
    }
    let stint = args.stint.canonicalize();
    let stint = stint.with_context(|| format!("{}: build it first", args.stint.display()))?;
    let own = own.canonicalize()?;
    let etcd = Etcd::start(&theirs, args.port).await?;
    let ours = Ours::start(&stint, &own, args.port + 10).await?;
    let mut session = Session { args, etcd, ours, count: 0 };
    let measured = session.measure().await;
    session.ours.stop().await?;
    let report = measured?;
    let out = &session.args.out;
    std::fs::create_dir_all(out).context("the place for the figures")?;
    report.write(&out.join("figures.json"))?;
    plot::all(&report, out)?;
    print(&report.markdown());
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the table is the result")]
fn print(text: &str) {
    println!("{text}");
}

impl Session {
    async fn measure(&mut self) -> anyhow::Result<Report> {
        for load in Load::BOTH {
            for side in Side::BOTH {
                self.round(load, side, WARM_UP).await?;
            }
        }
        let mut report = Report::new(self.args.disturbed_above);
        for load in Load::BOTH {
            self.compare(load, &mut report).await?;
        }
        for _ in 0..self.args.kills {
            report.outages.push((Side::Etcd, self.etcd.outage().await?));
            report.outages.push((Side::Stint, self.ours.outage().await?));
            if let [.., (_, theirs), (_, own)] = report.outages.as_slice() {
                note(&format!("outage: etcd {theirs:.2?}, stint {own:.2?}"));
            }
        }
        report.rest = self.ours.rest(self.args.seconds).await?;
        Ok(report)
    }

    /// Pairs of rounds, until enough of them were undisturbed.
    async fn compare(&mut self, load: Load, report: &mut Report) -> anyhow::Result<()> {
        let length = Duration::from_secs(self.args.seconds);
        let mut good = 0;
        for _ in 0..self.args.rounds * TRIES {
            let mut pair = Vec::new();
            for side in Side::BOTH {
                pair.push(self.round(load, side, length).await?);
            }
            let is_good =
                pair.iter().all(|round| round.disturbed_percent <= self.args.disturbed_above);
            for round in pair {
                note(&format!(
                    "{}, {}: {:.0}/s, p50 {:.2} ms, p99 {:.2} ms, {:.3} ms of members each, others had {:.1} %",
                    load.name(),
                    round.side.name(),
                    round.per_second,
                    round.p50_ms,
                    round.p99_ms,
                    round.members_cpu_ms,
                    round.disturbed_percent
                ));
                report.rounds.push(round);
            }
            good += u32::from(is_good);
            if good == self.args.rounds {
                return Ok(());
            }
        }
        note(&format!("only {good} of {} pairs were undisturbed", self.args.rounds));
        if report.rounds.is_empty() {
            bail!("nothing was measured");
        }
        Ok(())
    }

    async fn round(&mut self, load: Load, side: Side, length: Duration) -> anyhow::Result<Round> {
        self.count += 1;
        let clients = self.args.clients;
        match side {
            Side::Etcd => {
                let name = format!("{}-{}", machine::own().as_nanos(), self.count);
                etcd::load::run(&self.etcd, load, clients, length, &name).await
            }
            Side::Stint => self.ours.run(load, clients, length).await,
        }
    }
}
