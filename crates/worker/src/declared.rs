//! What an operator declares of parameters: whether it makes sense, and whether a job keeps to it.
//!
//! The log has decided on all rules but the patterns before a job is there. All of them are looked
//! at once more before anything starts: the job may be older than the rules.

use regex_lite::{Regex, RegexBuilder};
use stint_core::{Declaration, Declarations, Parameters};

use crate::limits::{PATTERN_BYTES_MAX, PATTERN_PROGRAM_BYTES_MAX};

/// Whether declarations make sense.
///
/// # Errors
/// What is wrong with them.
pub fn check(declarations: &Declarations) -> Result<(), String> {
    declarations
        .parameters
        .iter()
        .try_for_each(|(name, declared)| one(declared).map_err(|why| said(name, &why)))
}

/// Whether a job with these parameters keeps to the declarations; what is wrong if not.
pub(crate) fn keeps_to(declarations: &Declarations, given: &Parameters) -> Result<(), String> {
    declarations.check(given).map_err(|wrong| said(&wrong.parameter, &wrong.problem))?;
    for (name, pattern, value) in declarations.patterns(given) {
        if !whole(pattern)?.is_match(value) {
            return Err(said(name, &format!("does not match {pattern}")));
        }
    }
    Ok(())
}

fn said(name: &str, problem: &str) -> String {
    format!("the parameter \"{name}\" {problem}")
}

fn one(declared: &Declaration) -> Result<(), String> {
    if let (Some(minimum), Some(maximum)) = (declared.minimum, declared.maximum)
        && minimum > maximum
    {
        return Err(format!("cannot be {minimum} at least and {maximum} at most"));
    }
    let pattern = declared.pattern.as_deref().map(whole).transpose()?;
    let Some(default) = &declared.default else { return Ok(()) };
    if declared.is_required {
        return Err("is required and has a default: it needs only one of them".to_owned());
    }
    declared.check(default).map_err(|why| format!("has a default that {why}"))?;
    match pattern {
        Some(pattern) if !pattern.is_match(default) => {
            Err("has a default that does not match its pattern".to_owned())
        }
        Some(_) | None => Ok(()),
    }
}

/// The regular expression that matches what `pattern` matches as a whole.
fn whole(pattern: &str) -> Result<Regex, String> {
    let wrong = |why: &dyn std::fmt::Display| {
        let shown: String = pattern.chars().take(64).collect();
        format!("has the pattern {shown}, which is no regular expression: {why}")
    };
    if pattern.len() > PATTERN_BYTES_MAX {
        return Err(wrong(&format!("it has more than {PATTERN_BYTES_MAX} bytes")));
    }
    // By itself first: what is none may become one between brackets, such as `a)|(b`.
    Regex::new(pattern).map_err(|error| wrong(&error))?;
    RegexBuilder::new(&format!(r"\A(?:{pattern})\z"))
        .size_limit(PATTERN_PROGRAM_BYTES_MAX)
        .build()
        .map_err(|error| wrong(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn declared(name: &str, declaration: Declaration) -> Declarations {
        Declarations { parameters: [(name.to_owned(), declaration)].into(), is_closed: false }
    }

    fn pattern(text: &str) -> Declaration {
        Declaration { pattern: Some(text.to_owned()), ..Declaration::default() }
    }

    #[test]
    fn a_pattern_matches_the_whole_value() {
        for (text, value, fits) in [
            ("[a-z]+", "abc", true),
            ("[a-z]+", "abc1", false),
            ("[a-z]+", "abc\n", false),
            ("[a-z]+", "-abc", false),
            ("[a-z]+", "", false),
            ("a|b", "b", true),
            ("a|b", "xb", false),
            ("(?i)a", "A", true),
            ("grün", "grün", true),
            (".*", "a\nb", false),
        ] {
            let declarations = declared("v", pattern(text));
            assert_eq!(check(&declarations), Ok(()), "{text}");
            let given = [("v".to_owned(), value.to_owned())].into();
            assert_eq!(keeps_to(&declarations, &given).is_ok(), fits, "{text} {value:?}");
        }
    }

    #[test]
    fn a_pattern_costs_no_more_than_its_length_and_that_of_the_value() {
        // Engines that go back try this for longer than the universe lasts.
        let declarations = declared("v", pattern("(a*)*b"));
        let given = [("v".to_owned(), "a".repeat(20_000))].into();
        assert!(keeps_to(&declarations, &given).is_err());
    }

    #[test]
    fn declarations_that_make_no_sense_are_told() {
        let default = |text: &str, rest| Declaration { default: Some(text.to_owned()), ..rest };
        let number = Declaration { maximum: Some(9), ..Declaration::default() };
        let both = Declaration { is_required: true, ..default("1", Declaration::default()) };
        for (declaration, complaint) in [
            (pattern("("), "no regular expression"),
            (pattern("a)|(b"), "no regular expression"),
            (pattern("(?:a{1000}){1000}"), "no regular expression"),
            (pattern(&"a".repeat(PATTERN_BYTES_MAX + 1)), "more than"),
            (Declaration { minimum: Some(10), ..number.clone() }, "10 at least and 9 at most"),
            (default("10", number), "has a default that is 10, more than 9"),
            (default("B", pattern("[a-z]")), "does not match its pattern"),
            (both, "is required and has a default"),
        ] {
            let error = check(&declared("v", declaration)).unwrap_err();
            assert!(error.contains("the parameter \"v\"") && error.contains(complaint), "{error}");
        }
    }
}
