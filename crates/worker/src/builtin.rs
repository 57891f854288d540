//! The actions that every worker has: they run inside of it, without a process.

use std::collections::BTreeMap;
use std::time::Duration;

use stint_core::{
    ActionOffer, BUILT_IN_ACTIONS, COMPACTION_ACTION, Declaration, Declarations, Exit, ExitCause,
    Job,
};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::limits::{SLEEP_DEFAULT, STOP_TIMEOUT_DEFAULT};
use crate::orders::{self, Orders};
use crate::run::{self, sleep_until};
use crate::stop::{Due, Stop};
use crate::webhook;

/// What the worker tells the cluster of them.
pub(crate) fn offers() -> BTreeMap<String, ActionOffer> {
    BUILT_IN_ACTIONS.map(|name| (name.to_owned(), offer(name))).into()
}

fn offer(name: &str) -> ActionOffer {
    let (description, parameters) = match name {
        "sleep" => ("Does nothing for a while.", vec![("seconds", "How long; 60 if left out.")]),
        "false" => ("Fails at once.", Vec::new()),
        "noop" => ("Succeeds at once.", Vec::new()),
        "webhook" => return webhook::offer(),
        COMPACTION_ACTION => {
            ("Removes from the history what the settings do not keep.", Vec::new())
        }
        _ => ("", Vec::new()),
    };
    let declared = parameters.into_iter().map(|(name, description): (&str, &str)| {
        let description = description.to_owned();
        (name.to_owned(), Declaration { description, ..Declaration::default() })
    });
    ActionOffer {
        description: description.to_owned(),
        declarations: Declarations { parameters: declared.collect(), is_closed: false },
        ..ActionOffer::default()
    }
}

/// How the action ends, if it is one that ends at once: no task and no timer is worth it.
pub(crate) fn instant(action: &str) -> Option<Exit> {
    let code = match action {
        "noop" => 0,
        "false" => 1,
        _ => return None,
    };
    Some(Exit { cause: ExitCause::Own, code, signal: None })
}

/// Sleeps for as long as the parameter `seconds` says.
pub(crate) async fn sleep(job: &Job, mut orders: watch::Receiver<Orders>) -> Option<Exit> {
    let now = Instant::now();
    let end = match length(job) {
        Ok(length) => now.checked_add(length),
        Err(reason) => return Some(run::could_not_start(reason)),
    };
    let mut stop = Stop::new(now, run::deadline(job), STOP_TIMEOUT_DEFAULT);
    let mut standing = *orders.borrow_and_update();
    loop {
        if standing.is_lost {
            return None;
        }
        let now = Instant::now();
        standing.apply(now, &mut stop);
        let is_over = end.is_some_and(|end| end <= now);
        let until = match stop.due(now) {
            Due::Nothing(until) if !is_over => until,
            Due::Nothing(_) | Due::Terminate | Due::Kill => {
                return Some(Exit { cause: stop.cause(), code: 0, signal: None });
            }
        };
        tokio::select! {
            new = orders::next(&mut orders) => standing = new,
            () = sleep_until(earliest(until, end)) => {}
        }
    }
}

fn length(job: &Job) -> Result<Duration, String> {
    let parameters = job.spec.parameters.as_ref();
    let Some(text) = parameters.and_then(|parameters| parameters.get("seconds")) else {
        return Ok(SLEEP_DEFAULT);
    };
    let seconds = text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    seconds.ok_or_else(|| {
        let shown: String = text.chars().take(64).collect();
        format!("the parameter \"seconds\" is {shown:?}: write a number of seconds like 60 or 1.5")
    })
}

fn earliest(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    one.into_iter().chain(other).min()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::job;

    async fn slept(seconds: &str, orders: Orders) -> Option<Exit> {
        let (_sender, receiver) = watch::channel(orders);
        sleep(&job("sleep", &[("seconds", seconds)]), receiver).await
    }

    fn own(code: i32) -> Exit {
        Exit { cause: ExitCause::Own, code, signal: None }
    }

    #[tokio::test]
    async fn sleeping_takes_the_time_that_was_asked_for() {
        let start = Instant::now();
        assert_eq!(slept("0.05", Orders::default()).await, Some(own(0)));
        assert!(start.elapsed() >= Duration::from_millis(50));
        assert_eq!(slept("0", Orders::default()).await, Some(own(0)));
        assert_eq!(length(&job("sleep", &[])), Ok(SLEEP_DEFAULT));
    }

    #[tokio::test]
    async fn a_length_that_is_none_is_said() {
        for text in ["", "-1", "nan", "inf", "1e300", "ten", "5s"] {
            let exit = slept(text, Orders::default()).await.unwrap();
            let ExitCause::CouldNotStart(reason) = exit.cause else { panic!("{text}: {exit:?}") };
            assert!(reason.contains(&format!("{text:?}")), "{reason}");
        }
    }

    #[tokio::test]
    async fn a_sleeper_obeys_orders() {
        let canceled = Orders { is_canceled: true, ..Orders::default() };
        assert_eq!(slept("60", canceled).await.unwrap().cause, ExitCause::Canceled);
        let shutdown = Orders { end_by: Some(Instant::now()), ..Orders::default() };
        assert_eq!(slept("60", shutdown).await.unwrap().cause, ExitCause::Shutdown);
        assert_eq!(slept("60", Orders { is_lost: true, ..Orders::default() }).await, None);
        assert_eq!(instant("noop"), Some(own(0)));
        assert_eq!(instant("false"), Some(own(1)));
        assert_eq!(instant("sleep"), None);
    }
}
