//! `stint watch`.

use stint_client::WatchRange;

use super::Caller;
use crate::args::Watch;
use crate::exit::Exit;

/// Prints what happens, for as long as it is wanted.
pub(crate) async fn run(caller: &Caller, args: Watch) -> anyhow::Result<Exit> {
    let Watch { from, kinds } = args;
    let mut watch = caller.client.watch(WatchRange { from, kinds });
    loop {
        let event = watch.next().await?;
        caller.printer.event(&event)?;
    }
}
