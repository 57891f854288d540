//! The v0 API as JSON over HTTP: the paths, and which function of `api` each leads to.

mod accept;
mod action_configs;
mod actions;
mod answer;
mod audit;
mod body;
mod cluster;
mod crons;
mod docs;
#[cfg(test)]
mod fuzz;
mod jobs;
mod list;
mod logs;
#[cfg(feature = "next-level")]
mod notches;
pub(crate) mod page;
pub(crate) mod probes;
mod query;
mod queues;
mod settings;
mod shape;
mod sse;
mod status;
mod time;
mod tokens;
mod watch;
mod workers;

use std::sync::Arc;

use axum::Router;
use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{RawPathParams, Request};
use axum::response::Response;
use axum::routing::{MethodFilter, on};

use crate::api::{Api, ApiError, Caller};
use crate::operation::Operation;
use crate::parse::shown;
pub(crate) use jobs::list_of;

/// Every path of the table, with and without a slash at its end, and the probes.
pub(crate) fn router(api: &Arc<Api>) -> Router {
    let mut router = probes::router(api).merge(docs::router());
    for operation in Operation::ALL {
        let (method, path) = operation.http();
        let filter = MethodFilter::try_from(method).expect("the table has common methods only");
        for slash in ["", "/"] {
            let api = Arc::clone(api);
            let path = format!("{}{path}{slash}", Operation::BASE_PATH);
            let handler = move |id: Id, request: Request| answer(api, operation, id, request);
            router = router.route(&path, on(filter, handler));
        }
    }
    #[cfg(feature = "next-level")]
    {
        router = router.merge(notches::router(api));
    }
    router.fallback(nothing_here).method_not_allowed_fallback(not_allowed)
}

/// The part of the path that says what the request is about.
type Id = Result<RawPathParams, RawPathParamsRejection>;

async fn answer(api: Arc<Api>, operation: Operation, id: Id, request: Request) -> Response {
    let outcome = operate(&api, operation, id, request).await;
    let mut response = outcome.unwrap_or_else(|error| status::response(&error));
    // For whoever counts: a path alone does not say what it leads to.
    response.extensions_mut().insert(operation);
    response
}

async fn operate(
    api: &Arc<Api>,
    operation: Operation,
    id: Id,
    request: Request,
) -> Result<Response, ApiError> {
    // Nobody comes here unannounced; but if somebody did, it would be a stranger.
    let stranger = ApiError::NotAuthenticated("a token is needed");
    let caller = request.extensions().get::<Caller>().cloned().ok_or(stranger)?;
    caller.may(operation)?;
    let kind = accept::kind(request.headers(), operation)?;
    let id = id_in_path(&id);
    let query = request.uri().query().unwrap_or_default();
    match operation {
        Operation::ListJobs => jobs::list(api, &caller, query).await,
        Operation::SubmitJob => jobs::submit(api, &caller, request).await,
        Operation::GetJob => jobs::get(api, &caller, &id).await,
        Operation::DeleteJob => jobs::delete(api, &caller, &id).await,
        Operation::CancelJob => jobs::cancel(api, &caller, &id).await,
        Operation::RetryJob => jobs::retry(api, &caller, &id, request.headers()).await,
        Operation::BulkJobs => jobs::bulk(api, &caller, request).await,
        Operation::ListQueues => queues::list(api, &caller, query).await,
        Operation::PauseQueue => queues::pause(api, &caller, &id, request).await,
        Operation::ResumeQueue => queues::resume(api, &caller, &id).await,
        Operation::GetJobLogs => {
            logs::get(api, &caller, &id, kind, (query, request.headers())).await
        }
        Operation::ListJobAttempts => jobs::attempts(api, &caller, &id).await,
        Operation::ListWorkers => workers::list(api, &caller, query).await,
        Operation::SetWorkerCapacity => workers::set_capacity(api, &caller, &id, request).await,
        Operation::DrainWorker => workers::drain(api, &caller, &id, request).await,
        Operation::ResumeWorker => workers::resume(api, &caller, &id).await,
        Operation::ListCrons => crons::list(api, &caller, query).await,
        Operation::PutCron => crons::put(api, &caller, request).await,
        Operation::GetCron => crons::get(api, &caller, &id).await,
        Operation::DeleteCron => crons::delete(api, &caller, &id).await,
        Operation::PauseCron => crons::pause(api, &caller, &id).await,
        Operation::ResumeCron => crons::resume(api, &caller, &id).await,
        Operation::RunCron => crons::run(api, &caller, &id).await,
        Operation::GetCronHistory => crons::history(api, &caller, &id).await,
        Operation::PreviewSchedule => crons::preview(api, &caller, query).await,
        Operation::ListActions => actions::list(api, &caller, query).await,
        Operation::GetAction => actions::get(api, &caller, &id).await,
        Operation::ListActionConfigs => action_configs::list(api, &caller, query).await,
        Operation::PutActionConfig => action_configs::put(api, &caller, request).await,
        Operation::GetActionConfig => action_configs::get(api, &caller, &id).await,
        Operation::DeleteActionConfig => action_configs::delete(api, &caller, &id).await,
        Operation::GetSettings => settings::get(api, &caller).await,
        Operation::ChangeSettings => settings::change(api, &caller, request).await,
        Operation::GetClusterStatus => Ok(cluster::status(api)),
        Operation::GetStatistics => cluster::statistics(api, query).await,
        Operation::GetDiagnostics => cluster::diagnostics(api, &caller).await,
        Operation::Backup => cluster::backup(api, &caller).await,
        Operation::InviteReplica => cluster::invite(api, &caller, request).await,
        Operation::RemoveReplica => cluster::remove(api, &caller, &id).await,
        Operation::TransferLeader => cluster::lead(api, &caller, &id).await,
        Operation::Watch => watch::get(api, &caller, kind, (query, request.headers())).await,
        Operation::ListTokens => tokens::list(api, &caller).await,
        Operation::CreateToken => tokens::create(api, &caller, request).await,
        Operation::RevokeToken => tokens::revoke(api, &caller, &id).await,
        Operation::GetCaller => Ok(tokens::caller(&caller)),
        Operation::ListAudit => audit::list(api, &caller, query).await,
    }
}

/// The text in the place of `{id}`; what is not UTF-8 is nobody's id.
fn id_in_path(id: &Id) -> String {
    let params = id.as_ref().ok().into_iter().flatten();
    params.map(|(_, text)| text.to_owned()).next().unwrap_or_else(|| "\u{fffd}".to_owned())
}

async fn nothing_here(request: Request) -> Response {
    status::response(&ApiError::NotFound(shown(request.uri().path()).to_owned()))
}

async fn not_allowed(request: Request) -> Response {
    status::response(&ApiError::NotAllowed(shown(request.method().as_str()).to_owned()))
}

/// All bytes of the answer that says this "no", and ends its connection.
pub(crate) fn last_answer(error: &ApiError) -> Vec<u8> {
    status::last_answer(error)
}

/// The answer to a request that is refused before it reaches the router.
pub(crate) fn refusal(error: &ApiError) -> Response {
    status::response(error)
}
