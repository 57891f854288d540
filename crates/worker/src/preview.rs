//! What a job would be started with, for an operator who writes an action.

use std::collections::BTreeMap;
use std::path::PathBuf;

use stint_core::Parameters;

use crate::config::Action;
use crate::confinement::Confinement;
use crate::invocation::Invocation;

/// What the process of a job would be started with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preview {
    /// Where the program was found.
    pub program: PathBuf,
    /// The program as the operator wrote it, and its arguments.
    pub arguments: Vec<String>,
    /// All of its environment; what differs from run to run stands as `<...>`.
    pub environment: BTreeMap<String, String>,
    /// Where it starts.
    pub working_dir: PathBuf,
    /// Whom it runs as, and how much it may use.
    pub confinement: Confinement,
}

impl Preview {
    /// What a job of the action called `name` would be started with on this machine.
    ///
    /// # Errors
    /// Why it could not be started.
    pub fn new(name: &str, action: &Action, mut parameters: Parameters) -> Result<Self, String> {
        for (parameter, declared) in &action.declarations.parameters {
            if let Some(default) = &declared.default {
                parameters.entry(parameter.clone()).or_insert_with(|| default.clone());
            }
        }
        let marks = [
            ("STINT_JOB_ID", "<the job's id>".to_owned()),
            ("STINT_LEASE", "<the number of its lease>".to_owned()),
            ("STINT_ATTEMPT", "<which attempt it is>".to_owned()),
            ("STINT_WORKER_ID", "<the worker's id>".to_owned()),
            ("STINT_ACTION", name.to_owned()),
        ];
        let invocation = Invocation::of_run(action, &parameters, marks)?;
        if !invocation.working_dir.is_dir() {
            let dir = invocation.working_dir.display();
            return Err(format!("cannot start in {dir}: there is no such directory"));
        }
        let arguments = std::iter::once(invocation.name).chain(invocation.arguments);
        Ok(Self {
            program: invocation.program,
            arguments: arguments.collect(),
            environment: invocation.environment,
            working_dir: invocation.working_dir,
            confinement: invocation.confinement,
        })
    }
}
