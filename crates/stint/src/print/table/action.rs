//! Actions.

use stint_client::v0;

use super::{amounts, bare, new, or_dash, plain, text};

pub(in crate::print) fn actions(actions: &[v0::Action]) -> String {
    let mut table = new(&["action", "workers", "needs", "description"]);
    for action in actions {
        let needed = action.parameters.iter().filter(|parameter| parameter.is_required);
        let needed: Vec<_> = needed.map(|parameter| parameter.name.as_str()).collect();
        table.add_row([
            plain(&action.name),
            action.workers.len().to_string(),
            or_dash(&needed.join(",")),
            plain(&action.description),
        ]);
    }
    text(&table)
}

pub(in crate::print) fn action(action: &v0::Action) -> String {
    let mut table = bare();
    let mut row = |name: &str, value: String| {
        if !value.is_empty() {
            table.add_row([name.to_owned(), value]);
        }
    };
    row("action", plain(&action.name));
    row("description", plain(&action.description));
    row("workers", or_dash(&action.workers.join(",")));
    row("on worker loss", plain(&action.on_worker_loss));
    row("backoff", action.backoff.as_ref().map(backoff).unwrap_or_default());
    row("deadline", plain(&action.deadline));
    row("stop timeout", plain(&action.stop_timeout));
    row("retries", action.retries.to_string());
    let capacity = action.capacity_map.as_ref().map(|map| amounts(&map.entries));
    row("capacity", capacity.unwrap_or_default());
    if action.children {
        row("children", "its jobs may submit others".to_owned());
    }
    if action.only_declared {
        row("parameters", "none but these".to_owned());
    }
    let head = text(&table);
    if action.parameters.is_empty() {
        return head;
    }
    let mut table = new(&["parameter", "", "rules", "description"]);
    for parameter in &action.parameters {
        table.add_row([
            plain(&parameter.name),
            if parameter.is_required { "required".to_owned() } else { String::new() },
            plain(&rules(parameter)),
            plain(&parameter.description),
        ]);
    }
    format!("{head}\n\n{}", text(&table))
}

fn backoff(backoff: &v0::Backoff) -> String {
    let v0::Backoff { first, factor_percent, max, jitter_percent } = backoff;
    let grown = format!(", then {factor_percent}% of the one before, {max} at most");
    let grown = if *factor_percent == 100 { "" } else { &grown };
    let shortened = format!(", less up to {jitter_percent}% by chance");
    let shortened = if *jitter_percent == 0 { "" } else { &shortened };
    format!("{first}{grown}{shortened}")
}

fn rules(parameter: &v0::Parameter) -> String {
    let number = |what: &str, number: Option<i64>| number.map(|number| format!("{what} {number}"));
    let rules = [
        parameter.default.as_ref().map(|default| format!("default {default:?}")),
        number("at least", parameter.minimum),
        number("at most", parameter.maximum),
        parameter.bytes_max.map(|bytes| format!("at most {bytes} bytes")),
        (!parameter.values.is_empty()).then(|| format!("one of {}", parameter.values.join(", "))),
        parameter.pattern.as_ref().map(|pattern| format!("matches {pattern}")),
    ];
    rules.into_iter().flatten().collect::<Vec<_>>().join("; ")
}
