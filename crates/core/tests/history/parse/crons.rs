//! Crons, and their ticks.

use stint_core::{
    Command, CronId, CronPolicy, Firing, Generation, JobSpec, Missed, NewCron, Overlap, Passed,
    Span, State, Timeout, Timestamp,
};

use super::{Words, amounts, id_bytes, number, parameters, span_ms};

pub(super) fn cron(words: &mut Words<'_>, state: &State) -> Result<Command, String> {
    let action = words.action()?;
    let spec = JobSpec {
        action: action.clone(),
        parameters: words.named("with").map(parameters).transpose()?,
        capacity_map: words.named("needs").map(amounts).transpose()?,
        deadline: None,
        stop_timeout: None,
    };
    let anchor = state.now();
    Ok(Command::PutCron(Box::new(NewCron {
        id: CronId::from_bytes(id_bytes(words)?),
        spec,
        retries: u32::try_from(words.named_number("retries", 0)?).map_err(|e| e.to_string())?,
        schedule: words.named("schedule").unwrap_or("@hourly").to_owned(),
        time_zone: words.named("zone").map(str::to_owned),
        policy: policy(words)?,
        anchor,
        next_run: anchor.plus(Span::from_ms(span_ms(words.word("the next run")?)?)),
        undecided: undecided(words, state, &action)?,
    })))
}

pub(super) fn no_cron(words: &mut Words<'_>, state: &State) -> Result<Command, String> {
    let action = words.action()?;
    let undecided = undecided(words, state, &action)?.map(Box::new);
    Ok(Command::DeleteCron { action, undecided })
}

/// The ticks of a cron that goes, as a firing names them; none are named where none stand there.
fn undecided(words: &mut Words<'_>, state: &State, action: &str) -> Result<Option<Firing>, String> {
    let named = firing(words, state, action)?;
    Ok((named.passed.is_some() || !named.ticks.is_empty()).then_some(named))
}

fn policy(words: &mut Words<'_>) -> Result<CronPolicy, String> {
    let span = |text: Option<&str>| {
        Timeout::parse(text.unwrap_or_default()).map_err(|error| error.to_string())
    };
    let unknown = |word: &str| format!("{word} is no policy");
    let missed = match words.named("missed") {
        None => Missed::default(),
        Some(word) => {
            let found = Missed::ALL.into_iter().find(|one| one.name() == word);
            found.ok_or_else(|| unknown(word))?
        }
    };
    let overlap = match words.named("overlap") {
        None => Overlap::default(),
        Some(word) => {
            let found = Overlap::ALL.into_iter().find(|one| one.name() == word);
            found.ok_or_else(|| unknown(word))?
        }
    };
    let (window, jitter) = (span(words.named("window"))?, span(words.named("jitter"))?);
    Ok(CronPolicy { missed, window, overlap, jitter })
}

pub(super) fn fire(words: &mut Words<'_>, state: &State) -> Result<Command, String> {
    let action = words.action()?;
    Ok(Command::Fire(vec![firing(words, state, &action)?]))
}

fn firing(words: &mut Words<'_>, state: &State, action: &str) -> Result<Firing, String> {
    let instant = |text: &str| span_ms(text).map(Timestamp::from_ms);
    let (action, cron) = (action.to_owned(), state.cron(action));
    let generation = cron.map_or(0, |cron| cron.generation.0);
    let generation = Generation(words.named_number("generation", generation)?);
    let mark = match words.named("mark") {
        Some(text) => instant(text)?,
        None => cron.and_then(|cron| cron.next_run).unwrap_or_default(),
    };
    let passed = match words.named("passed") {
        None => None,
        Some(text) => {
            let (last, count) = text.split_once(':').ok_or("passed: how many?")?;
            Some(Passed { last: instant(last)?, count: number(count)? })
        }
    };
    let next_run = words.named("next").map(instant).transpose()?;
    let has_more = words.named("more").is_some();
    let ticks = words.plain.by_ref().map(instant).collect::<Result<_, _>>()?;
    Ok(Firing { action, generation, mark, passed, ticks, has_more, next_run })
}
