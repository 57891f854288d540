//! Who is to be a replica.

use stint_core::{Command, Level, MembersChange, Span, State};

use super::{Words, hash, span_ms};

pub(super) fn change(verb: &str, words: &mut Words<'_>, state: &State) -> Result<Command, String> {
    let change = match verb {
        "invite" => {
            let hash = hash(words)?;
            let good_for = Span::from_ms(span_ms(words.word("how long it is good for")?)?);
            MembersChange::Invite { hash, expires_at: state.now().plus(good_for) }
        }
        "join" => {
            let (replica, hash) = (words.worker()?, hash(words)?);
            let disk = u8::try_from(words.named_number("disk", 1)?).map_err(|e| e.to_string())?;
            MembersChange::Join { hash, replica, disk: [disk; 16], knows: Level::FIRST }
        }
        "remove" => MembersChange::Remove { replica: words.worker()? },
        _ => MembersChange::Lead { replica: words.worker()? },
    };
    Ok(Command::Members(Box::new(change)))
}
