//! `stint audit`.

use stint_client::v0::ListAuditRequest;

use super::Caller;
use crate::args::audit::Audit;
use crate::exit::Exit;

pub(crate) async fn run(caller: &Caller, args: Audit) -> anyhow::Result<Exit> {
    let Audit { user, since, start, limit } = args;
    let wanted = ListAuditRequest { start, limit: Some(limit), user, since, after: String::new() };
    caller.printer.audit(&caller.client.list_audit(wanted).await?)?;
    Ok(Exit::Done)
}
