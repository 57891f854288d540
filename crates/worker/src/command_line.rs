//! An action's command line: parsed once from the configuration, filled in for each job.
//!
//! The operator writes the elements, a client only values. A value never becomes an element of its
//! own, never a program, and never an option that the operator did not write. No shell reads it.

use stint_core::Parameters;

use crate::error::Error;
use crate::limits;

/// A program and its arguments, with placeholders for a job's parameters.
///
/// `{param:NAME}` stands for the value of the parameter `NAME`, `{{` and `}}` for one brace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandLine {
    program: String,
    arguments: Vec<Element>,
}

/// One element of the command line: text and placeholders, joined.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Element(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Parameter(String),
}

impl CommandLine {
    /// Reads the elements as an operator writes them: the program first.
    ///
    /// # Errors
    /// [`Error::Command`] if there is no program, if a placeholder is malformed or in the
    /// program's place, or if an element holds a NUL byte, which no process can be given.
    pub fn parse(elements: &[String]) -> Result<Self, Error> {
        let wrong = |what: String| Err(Error::Command(what));
        if elements.len() > limits::ARGUMENTS_MAX {
            let (got, limit) = (elements.len(), limits::ARGUMENTS_MAX);
            return wrong(format!("the command has {got} elements, more than {limit}"));
        }
        if let Some(element) = elements.iter().find(|element| element.contains('\0')) {
            return wrong(format!("the element {element:?} holds a NUL byte"));
        }
        let mut parsed = elements.iter().map(|text| Element::parse(text));
        let program = match parsed.next().transpose()?.map(|element| element.0) {
            None => return wrong("the command is empty: name a program".to_owned()),
            Some(parts) => match parts.as_slice() {
                [] => return wrong("the program is empty: name one".to_owned()),
                [Part::Text(program)] => program.clone(),
                [..] => {
                    return wrong(
                        "the program must not depend on a parameter: a client would choose what \
                         runs"
                            .to_owned(),
                    );
                }
            },
        };
        Ok(Self { program, arguments: parsed.collect::<Result<_, _>>()? })
    }

    /// The parameters that it cannot do without.
    pub fn parameters(&self) -> impl Iterator<Item = &str> {
        self.arguments.iter().flat_map(|element| &element.0).filter_map(|part| match part {
            Part::Text(_) => None,
            Part::Parameter(name) => Some(name.as_str()),
        })
    }

    /// The program, as the operator wrote it.
    pub(crate) fn program(&self) -> &str {
        &self.program
    }

    /// The arguments of the program for a job with these parameters, or why there are none.
    pub(crate) fn arguments(&self, parameters: &Parameters) -> Result<Vec<String>, String> {
        let mut filled: Vec<String> = Vec::with_capacity(self.arguments.len());
        let mut options_are_over = false;
        for element in &self.arguments {
            let text = element.fill(parameters)?;
            if text.starts_with('-') && !element.begins_with_text() && !options_are_over {
                return Err(format!(
                    "{}: its value begins with \"-\" and would be read as an option of \"{}\"",
                    element.names(),
                    self.program
                ));
            }
            options_are_over |= *element == Element(vec![Part::Text("--".to_owned())]);
            filled.push(text);
        }
        Ok(filled)
    }
}

impl Element {
    fn parse(text: &str) -> Result<Self, Error> {
        let wrong = |what: &str| Err(Error::Command(format!("the element \"{text}\": {what}")));
        let mut parts = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            let (before, from) = rest.split_at(at);
            plain.push_str(before);
            if let Some(after) = from.strip_prefix("{{") {
                plain.push('{');
                rest = after;
            } else if let Some(after) = from.strip_prefix("}}") {
                plain.push('}');
                rest = after;
            } else if let Some(after) = from.strip_prefix("{param:") {
                let Some((name, after)) = after.split_once('}') else {
                    return wrong("a placeholder has no end: write it like {param:NAME}");
                };
                if name.is_empty() || name.contains('{') {
                    return wrong("a placeholder has no name: write it like {param:NAME}");
                }
                if !plain.is_empty() {
                    parts.push(Part::Text(std::mem::take(&mut plain)));
                }
                parts.push(Part::Parameter(name.to_owned()));
                rest = after;
            } else if from.starts_with('{') {
                return wrong("a \"{\" begins no {param:NAME}; write {{ for a brace");
            } else {
                return wrong("a \"}\" ends no placeholder; write }} for a brace");
            }
        }
        plain.push_str(rest);
        if !plain.is_empty() {
            parts.push(Part::Text(plain));
        }
        Ok(Self(parts))
    }

    fn begins_with_text(&self) -> bool {
        matches!(self.0.first(), Some(Part::Text(_)))
    }

    fn fill(&self, parameters: &Parameters) -> Result<String, String> {
        let mut filled = String::new();
        for part in &self.0 {
            filled.push_str(match part {
                Part::Text(text) => text,
                Part::Parameter(name) => parameters
                    .get(name)
                    .ok_or_else(|| format!("the parameter \"{name}\" is missing"))?,
            });
        }
        if filled.contains('\0') {
            return Err(format!("{}: its value holds a NUL byte", self.names()));
        }
        Ok(filled)
    }

    /// The parameters that the element is made of, for a message.
    fn names(&self) -> String {
        let names = self.0.iter().filter_map(|part| match part {
            Part::Text(_) => None,
            Part::Parameter(name) => Some(format!("\"{name}\"")),
        });
        format!("the parameter {}", names.collect::<Vec<_>>().join(" and "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(elements: &[&str]) -> Result<CommandLine, Error> {
        CommandLine::parse(&elements.iter().map(|&text| text.to_owned()).collect::<Vec<_>>())
    }

    fn fill(elements: &[&str], parameters: &[(&str, &str)]) -> Result<Vec<String>, String> {
        let pairs = parameters.iter().map(|&(name, value)| (name.to_owned(), value.to_owned()));
        command(elements).unwrap().arguments(&pairs.collect())
    }

    #[test]
    fn a_value_stays_inside_its_element() {
        let value = "a b; rm -rf / $(id) `id` \"'{param:other}\n*";
        let filled = fill(&["echo", "x={param:v}", "{param:v}"], &[("v", value)]);
        assert_eq!(filled, Ok(vec![format!("x={value}"), value.to_owned()]));
    }

    #[test]
    fn braces_and_placeholders_are_told_apart() {
        for (element, expected) in [
            ("{{}}", "{}"),
            ("{{param:v}}", "{param:v}"),
            ("{{{param:v}}}", "{1}"),
            ("{param:v}{param:v}", "11"),
            ("é{param:v}é", "é1é"),
            ("", ""),
        ] {
            let filled = fill(&["echo", element], &[("v", "1")]);
            assert_eq!(filled, Ok(vec![expected.to_owned()]), "{element}");
        }
    }

    #[test]
    fn a_malformed_command_is_an_error_when_it_is_read() {
        for elements in [
            &[][..],
            &[""],
            &["{param:program}"],
            &["/bin/{param:program}"],
            &["echo", "{"],
            &["echo", "}"],
            &["echo", "{param:"],
            &["echo", "{param:}"],
            &["echo", "{param:a{param:b}"],
            &["echo", "{parameter:a}"],
            &["echo", "a\0b"],
        ] {
            assert!(command(elements).is_err(), "{elements:?}");
        }
    }

    #[test]
    fn a_missing_parameter_is_named() {
        assert_eq!(
            fill(&["echo", "{param:where}"], &[]),
            Err("the parameter \"where\" is missing".to_owned())
        );
    }

    #[test]
    fn a_value_becomes_no_option() {
        for (elements, value, is_refused) in [
            (&["rm", "{param:v}"][..], "-rf", true),
            (&["rm", "{param:v}x"], "-rf", true),
            (&["rm", "{param:e}{param:v}"], "-rf", true),
            (&["rm", "{param:v}"], "rf", false),
            (&["rm", "--name={param:v}"], "-rf", false),
            (&["rm", "--", "{param:v}"], "-rf", false),
            (&["rm", "{param:v}", "--"], "-rf", true),
            (&["rm", "{param:dashes}", "{param:v}"], "-rf", true),
        ] {
            let filled = fill(elements, &[("v", value), ("e", ""), ("dashes", "--")]);
            assert_eq!(filled.is_err(), is_refused, "{elements:?} {value}: {filled:?}");
        }
    }

    #[test]
    fn a_nul_byte_in_a_value_is_refused() {
        assert!(fill(&["echo", "x{param:v}"], &[("v", "a\0b")]).is_err());
    }
}
