//! The two lines above everything: who leads, how the cluster is, and what it has to do.

use crate::app::App;
use crate::cells::Tone;
use crate::text;

use super::cluster::warnings;

/// Who leads and who is asked.
pub(crate) fn cluster(app: &App) -> (String, Tone) {
    let Some(seen) = &app.picture.cluster else { return ("stint".to_owned(), Tone::Plain) };
    let status = &seen.status;
    if status.leader.is_empty() {
        let text = format!(
            "stint   no leader: nothing is accepted until there is one   asks {}",
            text::plain(&seen.asked)
        );
        return (text, Tone::Bad);
    }
    let lag = status.members.iter().filter_map(|member| member.lag).max().unwrap_or_default();
    let voters = status.members.iter().filter(|member| member.is_voter).count();
    let user =
        if app.user.is_empty() { String::new() } else { format!("   {}", text::plain(&app.user)) };
    let role = if app.may_change { "" } else { " (may look only)" };
    let text = format!(
        "stint   {} leads {voters}   asks {}   lag {lag}{user}{role}",
        text::plain(&status.leader),
        text::plain(&seen.asked),
    );
    (text, Tone::Plain)
}

/// Why the picture is not current, if it is not, or else what there is to do.
pub(crate) fn state(app: &App) -> (String, Tone) {
    if let Some(silence) = app.silence() {
        let why =
            app.picture.trouble.values().next().map_or_else(String::new, |why| format!(": {why}"));
        let text =
            format!("NOTHING HEARD FOR {}; what is shown is old{why}", text::length(silence));
        return (text::plain(&text), Tone::Bad);
    }
    if let Some(why) = app.picture.trouble.values().next() {
        return (text::plain(&format!("not current: {why}")), Tone::Bad);
    }
    let queues = &app.picture.queues;
    let sum = |of: fn(&stint_client::v0::Queue) -> u64| queues.iter().map(of).sum::<u64>();
    let paused = queues.iter().filter(|queue| queue.paused).count();
    let oldest = queues
        .iter()
        .filter_map(|queue| queue.oldest_due.as_ref())
        .min_by_key(|at| text::order(Some(at)));
    let oldest = oldest
        .map_or_else(String::new, |at| format!(" (oldest {})", text::age(Some(at), app.now.wall)));
    let paused = match paused {
        0 => String::new(),
        some => format!("   {} paused", text::counted(some, "queue")),
    };
    let kept = kept(app);
    let text = format!(
        "running {}   due {}{oldest}   for later {}{paused}{kept}",
        sum(|queue| queue.running),
        sum(|queue| queue.due),
        sum(|queue| queue.scheduled),
    );
    (text, Tone::Plain)
}

/// How many jobs are over of all that are kept, by status.
fn kept(app: &App) -> String {
    const LIVE: [&str; 4] = ["waiting", "running", "cancel_request", "worker_resurrection"];
    let is_over = |status: &str| !LIVE.contains(&status);
    let counts = app.picture.counts.iter().filter(|(status, n)| **n > 0 && is_over(status));
    let counts: Vec<_> = counts.map(|(status, n)| format!("{n} {}", text::plain(status))).collect();
    if counts.is_empty() { String::new() } else { format!("   kept: {}", counts.join(", ")) }
}

/// What is to be said of the cluster, the worst first, as far as there is room.
pub(crate) fn warning(app: &App) -> Option<String> {
    let warned = app.picture.cluster.as_ref().map(warnings).unwrap_or_default();
    let first = warned.first()?;
    let more = warned.len() - 1;
    Some(if more > 0 { format!("(and {more} more: 5) {first}") } else { first.clone() })
}
