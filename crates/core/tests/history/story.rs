//! Tells a story: applies its commands to a state and writes down what that gives.

use std::fmt::Write as _;

use stint_core::{State, Timestamp, invariant};

use super::parse::{self, Line};
use super::print::{Names, parameters, spec};

/// The story as it goes now; an error names the line that is no command.
pub(crate) fn told(written: &str) -> Result<String, String> {
    let mut teller = Teller::default();
    let mut text = String::new();
    let mut is_answer = false;
    for (number, line) in (1..).zip(written.lines()) {
        if is_answer && !line.is_empty() {
            continue;
        }
        is_answer = line == "----";
        text.push_str(line);
        text.push('\n');
        if is_answer {
            text.push_str(&std::mem::take(&mut teller.answers));
        } else if !line.is_empty() && !line.starts_with('#') {
            teller.tell(line).map_err(|error| format!("line {number}: {error}"))?;
        }
    }
    if teller.answers.is_empty() { Ok(text) } else { Err("it ends without ----".to_owned()) }
}

#[derive(Default)]
struct Teller {
    state: State,
    now_ms: u64,
    names: Names,
    answers: String,
}

impl Teller {
    fn tell(&mut self, line: &str) -> Result<(), String> {
        match parse::line(line, &self.state, &mut self.names)? {
            Line::After(ms) => self.now_ms += ms,
            Line::Back(ms) => self.now_ms -= ms,
            Line::Show => self.answers.push_str(&self.names.state(&self.state)),
            Line::Entry(command) => {
                let outcome = self.state.apply(Timestamp::from_ms(self.now_ms), command);
                invariant::check(&self.state).map_err(|violation| violation.to_string())?;
                self.answers.push_str(&self.names.outcome(&outcome));
            }
            Line::Why(job) => {
                let job = self.state.job(job).ok_or("no such job is live")?;
                let reason = self.state.why_waiting(job);
                let reason = reason.map_or("it does not".to_owned(), |reason| reason.to_string());
                writeln!(self.answers, "{reason}").map_err(|error| error.to_string())?;
            }
            Line::Spec(job) => {
                let job = self.state.job(job).ok_or("no such job is live")?;
                writeln!(self.answers, "{}", spec(job)).map_err(|error| error.to_string())?;
            }
            Line::Parameters(job) => {
                let job = self.state.job(job).ok_or("no such job is live")?;
                let parameters = parameters(job.spec.parameters.as_ref());
                writeln!(self.answers, "{parameters}").map_err(|error| error.to_string())?;
            }
            Line::Deadline => {
                let at = self.state.next_deadline().map_or("none".to_owned(), Names::time);
                writeln!(self.answers, "{at}").map_err(|error| error.to_string())?;
            }
        }
        Ok(())
    }
}
