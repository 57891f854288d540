//! The table of all that a client can ask for: one path of HTTP and one method of gRPC each.

use http::Method;
use stint_core::Role;

/// One operation of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operation {
    /// Jobs, most recently scheduled first.
    ListJobs,
    /// Schedules a job.
    SubmitJob,
    /// One job.
    GetJob,
    /// Cancels a job and removes it with its output.
    DeleteJob,
    /// Cancels a job.
    CancelJob,
    /// The output of a job, so far or until it ends.
    GetJobLogs,
    /// All workers.
    ListWorkers,
    /// Changes what a worker has.
    SetWorkerCapacity,
    /// What a replica knows of its cluster.
    GetClusterStatus,
    /// All tokens, without their secrets.
    ListTokens,
    /// Gives somebody a token.
    CreateToken,
    /// Takes a token back.
    RevokeToken,
    /// Who changed what.
    ListAudit,
}

impl Operation {
    /// The path under which all operations stand.
    pub const BASE_PATH: &str = "/api/v0";

    /// All operations.
    pub const ALL: [Self; 13] = [
        Self::ListJobs,
        Self::SubmitJob,
        Self::GetJob,
        Self::DeleteJob,
        Self::CancelJob,
        Self::GetJobLogs,
        Self::ListWorkers,
        Self::SetWorkerCapacity,
        Self::GetClusterStatus,
        Self::ListTokens,
        Self::CreateToken,
        Self::RevokeToken,
        Self::ListAudit,
    ];

    /// The method and the path below [`Self::BASE_PATH`], with `{id}` for what it is about.
    pub const fn http(self) -> (Method, &'static str) {
        match self {
            Self::ListJobs => (Method::GET, "/jobs"),
            Self::SubmitJob => (Method::POST, "/jobs"),
            Self::GetJob => (Method::GET, "/jobs/{id}"),
            Self::DeleteJob => (Method::DELETE, "/jobs/{id}"),
            Self::CancelJob => (Method::POST, "/jobs/{id}/cancel"),
            Self::GetJobLogs => (Method::GET, "/jobs/{id}/logs"),
            Self::ListWorkers => (Method::GET, "/workers"),
            Self::SetWorkerCapacity => (Method::POST, "/workers/{id}/capacity"),
            Self::GetClusterStatus => (Method::GET, "/meta/cluster_status"),
            Self::ListTokens => (Method::GET, "/tokens"),
            Self::CreateToken => (Method::POST, "/tokens"),
            Self::RevokeToken => (Method::DELETE, "/tokens/{id}"),
            Self::ListAudit => (Method::GET, "/audit"),
        }
    }

    /// The service and the method of gRPC.
    pub const fn grpc(self) -> (&'static str, &'static str) {
        match self {
            Self::ListJobs => ("stint.v0.Jobs", "ListJobs"),
            Self::SubmitJob => ("stint.v0.Jobs", "SubmitJob"),
            Self::GetJob => ("stint.v0.Jobs", "GetJob"),
            Self::DeleteJob => ("stint.v0.Jobs", "DeleteJob"),
            Self::CancelJob => ("stint.v0.Jobs", "CancelJob"),
            Self::GetJobLogs => ("stint.v0.Jobs", "GetJobLogs"),
            Self::ListWorkers => ("stint.v0.Workers", "ListWorkers"),
            Self::SetWorkerCapacity => ("stint.v0.Workers", "SetWorkerCapacity"),
            Self::GetClusterStatus => ("stint.v0.Cluster", "GetClusterStatus"),
            Self::ListTokens => ("stint.v0.Tokens", "ListTokens"),
            Self::CreateToken => ("stint.v0.Tokens", "CreateToken"),
            Self::RevokeToken => ("stint.v0.Tokens", "RevokeToken"),
            Self::ListAudit => ("stint.v0.Audit", "ListAudit"),
        }
    }

    /// The operation of this path of gRPC, as in `/stint.v0.Jobs/ListJobs`.
    pub(crate) fn of_grpc(path: &str) -> Option<Self> {
        let (service, method) = path.strip_prefix('/')?.split_once('/')?;
        Self::ALL.into_iter().find(|operation| operation.grpc() == (service, method))
    }

    /// The weakest role that may do it.
    pub const fn role(self) -> Role {
        match self {
            Self::ListJobs
            | Self::GetJob
            | Self::GetJobLogs
            | Self::ListWorkers
            | Self::GetClusterStatus => Role::Viewer,
            Self::SubmitJob | Self::DeleteJob | Self::CancelJob | Self::SetWorkerCapacity => {
                Role::Operator
            }
            Self::ListTokens | Self::CreateToken | Self::RevokeToken | Self::ListAudit => {
                Role::Admin
            }
        }
    }
}
