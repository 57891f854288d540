//! A disk that has not kept what was written to it: what that is, and what is to be done.

use stint_core::WorkerId;
use stint_storage::Error;

/// What is wrong with what is on the disk of a replica; of damage with what to do about it.
pub fn in_words(error: &Error, replica: WorkerId) -> String {
    if !error.is_damage() {
        return error.to_string();
    }
    if error.is_of_state() {
        return format!(
            "{error}. The others go on without it, and have all that was in it. Stop replica {replica} if it \
             runs, and have it get that from them: `stint repair --from-peers --config FILE`; then start it"
        );
    }
    format!(
        "{error}. What replica {replica} has promised to the others is not sure any more; no entry \
         was changed; the others go on without it. Put a new one in its place: `stint cluster remove \
         {replica}`, `stint cluster invite`, and there `stint cluster join` with a new id and an empty \
         data directory, never `stint init`. If most of the others are gone, too: docs/backup.md"
    )
}
