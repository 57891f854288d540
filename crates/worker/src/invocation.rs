//! What exactly a job's process is started with: program, arguments, environment, directory.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use stint_core::{Attempt, Job, Parameters};

use crate::config::Action;
use crate::confinement::Confinement;
use crate::declared;
use crate::limits::PATH_DEFAULT;

/// One process to be started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Invocation {
    /// The program as the operator wrote it, which is also the process's `argv[0]`.
    pub(crate) name: String,
    /// Where the program is: with a slash, so that nobody searches for it again.
    pub(crate) program: PathBuf,
    /// What comes after the program.
    pub(crate) arguments: Vec<String>,
    /// All of its environment.
    pub(crate) environment: BTreeMap<String, String>,
    /// Where it starts.
    pub(crate) working_dir: PathBuf,
    /// Whom it runs as, and how much it may use.
    pub(crate) confinement: Confinement,
}

impl Invocation {
    /// What `job` is started with, or why it cannot be started.
    pub(crate) fn new(action: &Action, job: &Job, run: &Attempt) -> Result<Self, String> {
        let none = Parameters::new();
        let parameters = job.spec.parameters.as_ref().unwrap_or(&none);
        let marks = [
            ("STINT_JOB_ID", job.id.to_string()),
            ("STINT_LEASE", run.lease.to_string()),
            ("STINT_ATTEMPT", run.number.to_string()),
            ("STINT_WORKER_ID", run.worker.to_string()),
            ("STINT_ACTION", job.spec.action.clone()),
        ];
        Self::of_run(action, parameters, marks)
    }

    /// What a run with these parameters and these marks is started with, or why it cannot be.
    pub(crate) fn of_run(
        action: &Action,
        parameters: &Parameters,
        marks: [(&str, String); 5],
    ) -> Result<Self, String> {
        declared::keeps_to(&action.whole_declarations(), parameters)?;
        let arguments = action.command.arguments(parameters)?;
        let environment = environment(action, marks, parameters)?;
        let path = environment.get("PATH").map_or(PATH_DEFAULT, String::as_str);
        let name = action.command.program().to_owned();
        let program = find(&name, path)?;
        let working_dir = action.working_dir.clone().unwrap_or_else(|| PathBuf::from("/"));
        let confinement = action.confinement.clone();
        Ok(Self { name, program, arguments, environment, working_dir, confinement })
    }
}

/// The process's whole environment. What a client wrote can set `STINT_PARAM_*` and nothing else.
fn environment(
    action: &Action,
    marks: [(&str, String); 5],
    parameters: &Parameters,
) -> Result<BTreeMap<String, String>, String> {
    let mut variables = BTreeMap::from([("PATH".to_owned(), PATH_DEFAULT.to_owned())]);
    variables.extend(action.environment.clone());
    variables.extend(marks.map(|(name, value)| (name.to_owned(), value)));
    let mut origins = BTreeMap::new();
    for (name, value) in parameters {
        let variable = variable_of(name);
        if value.contains('\0') {
            return Err(format!("the parameter {name:?}: its value holds a NUL byte"));
        }
        if let Some(other) = origins.insert(variable.clone(), name) {
            return Err(format!("the parameters {other:?} and {name:?} would both be {variable}"));
        }
        variables.insert(variable, value.clone());
    }
    Ok(variables)
}

/// The variable that tells a process this parameter.
fn variable_of(parameter: &str) -> String {
    let plain = |c: char| {
        let c = c.to_ascii_uppercase();
        if c.is_ascii_uppercase() || c.is_ascii_digit() { c } else { '_' }
    };
    format!("STINT_PARAM_{}", parameter.chars().map(plain).collect::<String>())
}

/// Where the program is, as `execvp` would search for it along the process's own `PATH`.
fn find(name: &str, path: &str) -> Result<PathBuf, String> {
    if name.contains('/') {
        return Ok(PathBuf::from(name));
    }
    path.split(':')
        .filter(|dir| dir.starts_with('/'))
        .map(|dir| Path::new(dir).join(name))
        .find(|file| is_executable(file))
        .ok_or_else(|| format!("cannot start \"{name}\": no such program in the PATH {path}"))
}

fn is_executable(file: &Path) -> bool {
    fs::metadata(file).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CommandLine;
    use crate::testing::job;

    fn action(command: &[&str]) -> Action {
        let elements: Vec<_> = command.iter().map(|&text| text.to_owned()).collect();
        Action::new(CommandLine::parse(&elements).unwrap())
    }

    fn invocation(action: &Action, parameters: &[(&str, &str)]) -> Result<Invocation, String> {
        let job = job("print", parameters);
        Invocation::new(action, &job, job.run().unwrap())
    }

    #[test]
    fn the_environment_is_clean_and_names_the_run() {
        let mut action = action(&["sh"]);
        action.environment.insert("GREETING".to_owned(), "hello".to_owned());
        let found = invocation(&action, &[("image-name", "a b"), ("PATH", "/evil")]).unwrap();
        let expected: BTreeMap<_, _> = [
            ("PATH", PATH_DEFAULT),
            ("GREETING", "hello"),
            ("STINT_JOB_ID", "07070707-0707-0707-0707-070707070707"),
            ("STINT_LEASE", "12"),
            ("STINT_ATTEMPT", "1"),
            ("STINT_WORKER_ID", "00000000002a"),
            ("STINT_ACTION", "print"),
            ("STINT_PARAM_IMAGE_NAME", "a b"),
            ("STINT_PARAM_PATH", "/evil"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        assert_eq!(found.environment, expected);
        assert!(found.program.is_absolute(), "{:?}", found.program);
        assert_eq!(found.working_dir, Path::new("/"));
    }

    #[test]
    fn parameters_that_would_be_one_variable_are_refused() {
        let error = invocation(&action(&["sh"]), &[("a-b", "1"), ("a_b", "2")]).unwrap_err();
        assert!(error.contains("\"a-b\" and \"a_b\""), "{error}");
        assert!(invocation(&action(&["sh"]), &[("v", "a\0b")]).is_err());
    }

    #[test]
    fn a_program_is_searched_for_along_the_operators_path() {
        let mut action = action(&["sh"]);
        action.environment.insert("PATH".to_owned(), "/nonexistent::.:relative".to_owned());
        let error = invocation(&action, &[]).unwrap_err();
        assert!(error.contains("cannot start \"sh\""), "{error}");
        action.environment.insert("PATH".to_owned(), "/nonexistent:/bin".to_owned());
        assert_eq!(invocation(&action, &[]).unwrap().program, Path::new("/bin/sh"));
    }
}
