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
    /// Runs a job that is over once more.
    RetryJob,
    /// Does the same to many jobs.
    BulkJobs,
    /// The output of a job, so far or until it ends.
    GetJobLogs,
    /// The runs of a job.
    ListJobAttempts,
    /// All workers.
    ListWorkers,
    /// Changes what a worker has.
    SetWorkerCapacity,
    /// Has a worker take no more jobs.
    DrainWorker,
    /// Has a worker take jobs again.
    ResumeWorker,
    /// The queues of all actions.
    ListQueues,
    /// Has no job of an action claimed for now.
    PauseQueue,
    /// Has the jobs of an action claimed again.
    ResumeQueue,
    /// All crons.
    ListCrons,
    /// Creates the cron of an action, or puts it in the place of the former one.
    PutCron,
    /// The cron of an action.
    GetCron,
    /// Removes the cron of an action.
    DeleteCron,
    /// Lets the ticks of a cron wait.
    PauseCron,
    /// Lets the ticks of a cron go on.
    ResumeCron,
    /// Creates a job of a cron at once.
    RunCron,
    /// What became of the latest ticks of a cron.
    GetCronHistory,
    /// The next ticks of a schedule or of a cron.
    PreviewSchedule,
    /// The actions that workers offer.
    ListActions,
    /// One action.
    GetAction,
    /// All action configs.
    ListActionConfigs,
    /// Creates the config of an action, or puts it in the place of the former one.
    PutActionConfig,
    /// The config of an action.
    GetActionConfig,
    /// Removes the config of an action.
    DeleteActionConfig,
    /// The settings of the cluster.
    GetSettings,
    /// Changes settings of the cluster.
    ChangeSettings,
    /// What a replica knows of its cluster.
    GetClusterStatus,
    /// What happened lately, step by step.
    GetStatistics,
    /// What a replica knows of itself.
    GetDiagnostics,
    /// All that the cluster keeps, as one file.
    Backup,
    /// Makes an invitation, by which one new replica can join.
    InviteReplica,
    /// Removes a replica from the cluster.
    RemoveReplica,
    /// Has a replica lead.
    TransferLeader,
    /// What happens, from an index of the log on.
    Watch,
    /// All tokens, without their secrets.
    ListTokens,
    /// Gives somebody a token.
    CreateToken,
    /// Takes a token back.
    RevokeToken,
    /// As whom the cluster takes whoever asks.
    GetCaller,
    /// Who changed what.
    ListAudit,
}

impl Operation {
    /// The path under which all operations stand.
    pub const BASE_PATH: &str = "/api/v0";

    /// All operations.
    pub const ALL: [Self; 46] = [
        Self::ListJobs,
        Self::SubmitJob,
        Self::GetJob,
        Self::DeleteJob,
        Self::CancelJob,
        Self::RetryJob,
        Self::BulkJobs,
        Self::GetJobLogs,
        Self::ListJobAttempts,
        Self::ListWorkers,
        Self::SetWorkerCapacity,
        Self::ListQueues,
        Self::PauseQueue,
        Self::ResumeQueue,
        Self::DrainWorker,
        Self::ResumeWorker,
        Self::ListCrons,
        Self::PutCron,
        Self::GetCron,
        Self::DeleteCron,
        Self::PauseCron,
        Self::ResumeCron,
        Self::RunCron,
        Self::GetCronHistory,
        Self::PreviewSchedule,
        Self::ListActions,
        Self::GetAction,
        Self::ListActionConfigs,
        Self::PutActionConfig,
        Self::GetActionConfig,
        Self::DeleteActionConfig,
        Self::GetSettings,
        Self::ChangeSettings,
        Self::GetClusterStatus,
        Self::GetStatistics,
        Self::GetDiagnostics,
        Self::Backup,
        Self::InviteReplica,
        Self::RemoveReplica,
        Self::TransferLeader,
        Self::Watch,
        Self::ListTokens,
        Self::CreateToken,
        Self::RevokeToken,
        Self::GetCaller,
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
            Self::RetryJob => (Method::POST, "/jobs/{id}/retry"),
            Self::BulkJobs => (Method::POST, "/jobs/bulk"),
            Self::ListQueues => (Method::GET, "/queues"),
            Self::PauseQueue => (Method::POST, "/queues/{id}/pause"),
            Self::ResumeQueue => (Method::POST, "/queues/{id}/resume"),
            Self::GetJobLogs => (Method::GET, "/jobs/{id}/logs"),
            Self::ListJobAttempts => (Method::GET, "/jobs/{id}/attempts"),
            Self::ListWorkers => (Method::GET, "/workers"),
            Self::SetWorkerCapacity => (Method::POST, "/workers/{id}/capacity"),
            Self::DrainWorker => (Method::POST, "/workers/{id}/drain"),
            Self::ResumeWorker => (Method::POST, "/workers/{id}/resume"),
            Self::ListCrons => (Method::GET, "/crons"),
            Self::PutCron => (Method::POST, "/crons"),
            Self::GetCron => (Method::GET, "/crons/{id}"),
            Self::DeleteCron => (Method::DELETE, "/crons/{id}"),
            Self::PauseCron => (Method::POST, "/crons/{id}/pause"),
            Self::ResumeCron => (Method::POST, "/crons/{id}/resume"),
            Self::RunCron => (Method::POST, "/crons/{id}/run"),
            Self::GetCronHistory => (Method::GET, "/crons/{id}/history"),
            Self::PreviewSchedule => (Method::GET, "/schedules/next"),
            Self::ListActions => (Method::GET, "/actions"),
            Self::GetAction => (Method::GET, "/actions/{id}"),
            Self::ListActionConfigs => (Method::GET, "/action_configs"),
            Self::PutActionConfig => (Method::POST, "/action_configs"),
            Self::GetActionConfig => (Method::GET, "/action_configs/{id}"),
            Self::DeleteActionConfig => (Method::DELETE, "/action_configs/{id}"),
            Self::GetSettings => (Method::GET, "/meta/settings"),
            Self::ChangeSettings => (Method::POST, "/meta/settings"),
            Self::GetClusterStatus => (Method::GET, "/meta/cluster_status"),
            Self::GetStatistics => (Method::GET, "/statistics"),
            Self::GetDiagnostics => (Method::GET, "/meta/diagnostics"),
            Self::Backup => (Method::GET, "/meta/backup"),
            Self::InviteReplica => (Method::POST, "/meta/invitations"),
            Self::RemoveReplica => (Method::DELETE, "/meta/members/{id}"),
            Self::TransferLeader => (Method::POST, "/meta/members/{id}/lead"),
            Self::Watch => (Method::GET, "/watch"),
            Self::ListTokens => (Method::GET, "/tokens"),
            Self::CreateToken => (Method::POST, "/tokens"),
            Self::RevokeToken => (Method::DELETE, "/tokens/{id}"),
            Self::GetCaller => (Method::GET, "/caller"),
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
            Self::RetryJob => ("stint.v0.Jobs", "RetryJob"),
            Self::BulkJobs => ("stint.v0.Jobs", "BulkJobs"),
            Self::ListQueues => ("stint.v0.Queues", "ListQueues"),
            Self::PauseQueue => ("stint.v0.Queues", "PauseQueue"),
            Self::ResumeQueue => ("stint.v0.Queues", "ResumeQueue"),
            Self::GetJobLogs => ("stint.v0.Jobs", "GetJobLogs"),
            Self::ListJobAttempts => ("stint.v0.Jobs", "ListJobAttempts"),
            Self::ListWorkers => ("stint.v0.Workers", "ListWorkers"),
            Self::SetWorkerCapacity => ("stint.v0.Workers", "SetWorkerCapacity"),
            Self::DrainWorker => ("stint.v0.Workers", "DrainWorker"),
            Self::ResumeWorker => ("stint.v0.Workers", "ResumeWorker"),
            Self::ListCrons => ("stint.v0.Crons", "ListCrons"),
            Self::PutCron => ("stint.v0.Crons", "PutCron"),
            Self::GetCron => ("stint.v0.Crons", "GetCron"),
            Self::DeleteCron => ("stint.v0.Crons", "DeleteCron"),
            Self::PauseCron => ("stint.v0.Crons", "PauseCron"),
            Self::ResumeCron => ("stint.v0.Crons", "ResumeCron"),
            Self::RunCron => ("stint.v0.Crons", "RunCron"),
            Self::GetCronHistory => ("stint.v0.Crons", "GetCronHistory"),
            Self::PreviewSchedule => ("stint.v0.Crons", "PreviewSchedule"),
            Self::ListActions => ("stint.v0.Actions", "ListActions"),
            Self::GetAction => ("stint.v0.Actions", "GetAction"),
            Self::ListActionConfigs => ("stint.v0.ActionConfigs", "ListActionConfigs"),
            Self::PutActionConfig => ("stint.v0.ActionConfigs", "PutActionConfig"),
            Self::GetActionConfig => ("stint.v0.ActionConfigs", "GetActionConfig"),
            Self::DeleteActionConfig => ("stint.v0.ActionConfigs", "DeleteActionConfig"),
            Self::GetSettings => ("stint.v0.Settings", "GetSettings"),
            Self::ChangeSettings => ("stint.v0.Settings", "ChangeSettings"),
            Self::GetClusterStatus => ("stint.v0.Cluster", "GetClusterStatus"),
            Self::GetStatistics => ("stint.v0.Cluster", "GetStatistics"),
            Self::GetDiagnostics => ("stint.v0.Cluster", "GetDiagnostics"),
            Self::Backup => ("stint.v0.Cluster", "Backup"),
            Self::InviteReplica => ("stint.v0.Cluster", "InviteReplica"),
            Self::RemoveReplica => ("stint.v0.Cluster", "RemoveReplica"),
            Self::TransferLeader => ("stint.v0.Cluster", "TransferLeader"),
            Self::Watch => ("stint.v0.Events", "Watch"),
            Self::ListTokens => ("stint.v0.Tokens", "ListTokens"),
            Self::CreateToken => ("stint.v0.Tokens", "CreateToken"),
            Self::RevokeToken => ("stint.v0.Tokens", "RevokeToken"),
            Self::GetCaller => ("stint.v0.Tokens", "GetCaller"),
            Self::ListAudit => ("stint.v0.Audit", "ListAudit"),
        }
    }

    /// The operation of this path of gRPC, as in `/stint.v0.Jobs/ListJobs`.
    pub(crate) fn of_grpc(path: &str) -> Option<Self> {
        let (service, method) = path.strip_prefix('/')?.split_once('/')?;
        Self::ALL.into_iter().find(|operation| operation.grpc() == (service, method))
    }

    /// Whether the process of a job may do it, with the token of its run: to jobs that descend from
    /// its own.
    pub const fn is_for_runs(self) -> bool {
        matches!(
            self,
            Self::SubmitJob
                | Self::GetJob
                | Self::CancelJob
                | Self::GetJobLogs
                | Self::ListJobAttempts
        )
    }

    /// The weakest role that may do it.
    pub const fn role(self) -> Role {
        match self {
            Self::ListJobs
            | Self::GetJob
            | Self::GetJobLogs
            | Self::ListJobAttempts
            | Self::ListWorkers
            | Self::ListQueues
            | Self::ListCrons
            | Self::GetCron
            | Self::GetCronHistory
            | Self::PreviewSchedule
            | Self::ListActions
            | Self::GetAction
            | Self::ListActionConfigs
            | Self::GetActionConfig
            | Self::GetSettings
            | Self::GetClusterStatus
            | Self::GetStatistics
            | Self::GetCaller
            | Self::Watch => Role::Viewer,
            Self::SubmitJob
            | Self::DeleteJob
            | Self::CancelJob
            | Self::RetryJob
            | Self::BulkJobs
            | Self::PauseQueue
            | Self::ResumeQueue
            | Self::SetWorkerCapacity
            | Self::DrainWorker
            | Self::ResumeWorker
            | Self::PutCron
            | Self::DeleteCron
            | Self::PauseCron
            | Self::ResumeCron
            | Self::RunCron
            | Self::PutActionConfig
            | Self::DeleteActionConfig => Role::Operator,
            Self::ChangeSettings
            | Self::GetDiagnostics
            | Self::Backup
            | Self::InviteReplica
            | Self::RemoveReplica
            | Self::TransferLeader
            | Self::ListTokens
            | Self::CreateToken
            | Self::RevokeToken
            | Self::ListAudit => Role::Admin,
        }
    }
}
