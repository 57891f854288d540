//! Stories as text, one in each file of `histories`: commands, a line of dashes, and what is
//! answered and told, up to an empty line. Replies and refusals begin the line, events are indented.
//!
//! `UPDATE=1 cargo test -p stint-core --test history` writes the answers that are given now; read
//! the difference before it is committed. The commands are those of `history/parse.rs`.

#![expect(clippy::disallowed_methods, reason = "stories are files; the core has none")]

mod history {
    pub(crate) mod parse;
    pub(crate) mod print;
    pub(crate) mod story;
}

use std::path::PathBuf;
use std::{env, fs};

use history::story::told;

#[test]
fn each_story_goes_as_it_is_written() {
    let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/histories");
    let mut stories: Vec<_> = fs::read_dir(&dir)
        .expect("the directory of the stories")
        .map(|entry| entry.expect("a file of the directory").path())
        .collect();
    stories.sort();
    assert!(stories.len() >= 10, "only {} stories in {}", stories.len(), dir.display());
    let mut wrong = Vec::new();
    for path in stories {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let written = fs::read_to_string(&path).expect("a story is text");
        let told = told(&written).unwrap_or_else(|error| panic!("{name}: {error}"));
        if told == written {
            continue;
        }
        if env::var_os("UPDATE").is_some() {
            fs::write(&path, told).expect("a story can be written");
        } else {
            wrong.push(difference(&name, &written, &told));
        }
    }
    assert!(wrong.is_empty(), "{}\n\nUPDATE=1 writes what is told now", wrong.join("\n\n"));
}

/// The first lines in which two texts differ.
fn difference(name: &str, written: &str, told: &str) -> String {
    let is_same = |(line, other): &(&str, &str)| line == other;
    let same = written.lines().zip(told.lines()).take_while(is_same).count();
    let rest = |text: &str| text.lines().skip(same).take(8).collect::<Vec<_>>().join("\n");
    let line = same + 1;
    format!("{name}:{line}: written:\n{}\n{name}:{line}: told:\n{}", rest(written), rest(told))
}
