//! `stint action check`: what a job would be started with, by the configuration of this machine.

use std::fmt::Write as _;

use serde_json::json;
use stint_worker::{Confinement, Preview};

use crate::args::Output;
use crate::args::action::Check;
use crate::config;
use crate::exit::{Exit, Usage};
use crate::print;

pub(crate) fn run(args: Check, output: Output) -> anyhow::Result<Exit> {
    let actions = config::all_actions(&args.layered.layers()?)?;
    let file = args.layered.config.display();
    let Some(name) = args.name else {
        let names: Vec<_> = actions.keys().map(String::as_str).collect();
        print::text(&match output {
            Output::Table => {
                format!("{file}: {}: {}\n", print::counted(names.len(), "action"), names.join(", "))
            }
            Output::Json => format!("{}\n", json!({ "actions": names })),
        })?;
        return Ok(Exit::Done);
    };
    let Some(action) = actions.get(&name) else {
        let names: Vec<_> = actions.keys().map(String::as_str).collect();
        let known = names.join(", ");
        return Err(Usage(format!("{file} has no action \"{name}\"; it has {known}")).into());
    };
    let parameters = super::super::parameters(args.params)?;
    let preview = Preview::new(&name, action, parameters)
        .map_err(|why| Usage(format!("{file}: action \"{name}\": there is no such job: {why}")))?;
    print::text(&match output {
        Output::Table => table(&preview),
        Output::Json => format!("{}\n", object(&preview)),
    })?;
    Ok(Exit::Done)
}

fn table(preview: &Preview) -> String {
    let mut text = String::new();
    let mut line = |what: &str, value: String| {
        // Writing to a text cannot fail.
        writeln!(text, "{what:<13} {value}").ok();
    };
    line("program", preview.program.display().to_string());
    for (number, argument) in preview.arguments.iter().enumerate() {
        line(&format!("argument {number}"), format!("{argument:?}"));
    }
    line("directory", preview.working_dir.display().to_string());
    for (what, value) in confined(&preview.confinement) {
        line(what, value);
    }
    for (name, value) in &preview.environment {
        line("environment", format!("{name}={value:?}"));
    }
    text
}

fn object(preview: &Preview) -> serde_json::Value {
    let confined: serde_json::Map<_, _> = confined(&preview.confinement)
        .into_iter()
        .map(|(what, value)| (what.replace(' ', "_"), value.into()))
        .collect();
    json!({
        "program": preview.program,
        "arguments": preview.arguments,
        "directory": preview.working_dir,
        "environment": preview.environment,
        "confinement": confined,
    })
}

/// What the operator has said of whom it runs as, and how much it may use.
fn confined(confinement: &Confinement) -> Vec<(&'static str, String)> {
    let Confinement { user, group, umask, nice, memory_bytes, pids, cpu_time, open_files } =
        confinement.clone();
    [
        ("user", user),
        ("group", group),
        ("umask", umask.map(|mask| format!("{mask:03o}"))),
        ("nice", nice.map(|nice| nice.to_string())),
        ("memory", memory_bytes.map(|bytes| format!("{bytes} bytes"))),
        ("pids", pids.map(|pids| pids.to_string())),
        ("cpu time", cpu_time.map(|time| format!("{} s", time.as_secs()))),
        ("open files", open_files.map(|files| files.to_string())),
    ]
    .into_iter()
    .filter_map(|(what, value)| Some((what, value?)))
    .collect()
}
