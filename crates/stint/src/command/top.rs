//! `stint top`.

use std::sync::Arc;
use std::time::Duration;

use stint_top::Options;

use super::{DEADLINE, client};
use crate::args::{Global, Output, Top};
use crate::exit::{Exit, Usage};
use crate::print;

/// Columns of a picture that no terminal is asked for, unless the environment says how many.
const COLUMNS: u16 = 120;

pub(crate) async fn run(global: &Global, args: &Top) -> anyhow::Result<Exit> {
    if matches!(global.output, Output::Json) {
        let what = "it draws a picture: for JSON ask `stint job list`, `worker list`, `queue list`, `cron \
                    list`, `cluster status` or `cluster statistics`";
        return Err(Usage(format!("stint top has no --output json: {what}")).into());
    }
    let options = options(global)?;
    if args.once {
        let columns = std::env::var("COLUMNS").ok().and_then(|text| text.parse().ok());
        print::line(&stint_top::once(&options, columns.unwrap_or(COLUMNS)).await.map_err(named)?)?;
    } else {
        stint_top::run(&options).await.map_err(named)?;
    }
    Ok(Exit::Done)
}

fn options(global: &Global) -> Result<Options, Usage> {
    let (ca, token) = (global.ca.clone(), global.token()?);
    let connect = move |addresses: &[String], patience: Duration| {
        client(addresses, ca.as_deref(), token.as_deref(), Some(patience))
    };
    Ok(Options {
        addresses: global.address.clone(),
        connect: Arc::new(connect),
        patience: global.timeout.unwrap_or(DEADLINE),
        // As https://no-color.org has it: any value but none.
        has_colours: std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
    })
}

/// What is known under its own name by those who choose the exit code and the advice.
fn named(error: stint_top::Error) -> anyhow::Error {
    match error {
        stint_top::Error::Cluster(error) => error.into(),
        stint_top::Error::NoTerminal => Usage(error.to_string()).into(),
        stint_top::Error::Terminal(_) => error.into(),
    }
}
