//! `stint worker`.

use std::collections::BTreeMap;

use stint_client::Error;
use tokio::time::Instant;

use super::Caller;
use crate::args::Worker;
use crate::exit::{Exit, Usage};
use crate::limits::LOOK_PAUSE;
use crate::print;

pub(crate) async fn run(caller: &Caller, command: Worker) -> anyhow::Result<Exit> {
    match command {
        Worker::List => {
            let workers = caller.client.list_workers().await?;
            caller.printer.workers(&workers)?;
        }
        Worker::Capacity { id, capacity } => {
            caller.client.set_worker_capacity(&id, amounts(&capacity)?).await?;
        }
        Worker::Drain { id, limit, wait } => {
            caller.client.drain_worker(&id, &limit.unwrap_or_default()).await?;
            if wait {
                until_idle(caller, &id).await?;
            }
        }
        Worker::Resume { id } => caller.client.resume_worker(&id).await?,
    }
    Ok(Exit::Done)
}

/// Waits until a worker runs nothing, or is gone.
async fn until_idle(caller: &Caller, id: &str) -> anyhow::Result<()> {
    let began = Instant::now();
    let mut said = None;
    loop {
        let workers = caller.client.list_workers().await?;
        let running = workers.iter().find(|worker| worker.id == id).map_or(0, |w| w.running);
        if running == 0 {
            return Ok(());
        }
        let waited = began.elapsed();
        if caller.patience.is_some_and(|patience| waited >= patience) {
            let (id, status) =
                (id.to_owned(), format!("running {}", print::counted(running, "job")));
            return Err(Error::StillWaiting { id, status, waited }.into());
        }
        if said.replace(running) != Some(running) {
            print::note(&format!("worker {id}: it runs {}", print::counted(running, "job")));
        }
        tokio::time::sleep(LOOK_PAUSE).await;
    }
}

/// The amounts as the API has them, each name once.
pub(super) fn amounts(given: &[(String, u64)]) -> Result<BTreeMap<String, i64>, Usage> {
    let mut amounts = BTreeMap::new();
    for (name, amount) in given {
        let too_large = |_| Usage(format!("{name}={amount}: the amount is too large"));
        let amount = i64::try_from(*amount).map_err(too_large)?;
        if amounts.insert(name.clone(), amount).is_some() {
            return Err(Usage(format!("the capacity \"{name}\" is given twice")));
        }
    }
    Ok(amounts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_capacity_is_given_once() {
        let given = [("scan".to_owned(), 1), ("scanCheck".to_owned(), 2)];
        assert_eq!(amounts(&given).unwrap().len(), 2);
        let twice = [("scan".to_owned(), 1), ("scan".to_owned(), 2)];
        assert!(amounts(&twice).unwrap_err().to_string().contains("twice"));
        assert!(amounts(&[("scan".to_owned(), u64::MAX)]).is_err());
    }
}
