//! What an operator declares of a parameter of an action, and whether a value is as declared.

use crate::job::Parameters;

/// What the jobs of an action may be told by the name of one parameter.
///
/// Every replica decides by it alike, but for the pattern: what a regular expression means is a
/// matter of the library, and replicas of different builds may have different ones. So a pattern
/// is only carried here. The gateway looks at it before it proposes a job, and the worker before
/// it starts one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Declaration {
    /// What it is for, in the operator's words.
    pub description: String,
    /// A job cannot do without it.
    pub is_required: bool,
    /// What a job is told if it says nothing.
    pub default: Option<String>,
    /// It has no more bytes.
    pub bytes_max: Option<u64>,
    /// It is a whole number, and not below this.
    pub minimum: Option<i64>,
    /// It is a whole number, and not above this.
    pub maximum: Option<i64>,
    /// It is one of these, unless there are none.
    pub values: Vec<String>,
    /// The whole of it matches this regular expression.
    pub pattern: Option<String>,
}

impl Declaration {
    /// Whether `value` keeps all rules but the pattern; what is wrong with it if not.
    ///
    /// # Errors
    /// The rule that it breaks, in words that follow the parameter's name.
    pub fn check(&self, value: &str) -> Result<(), String> {
        if let Some(bytes_max) = self.bytes_max
            && u64::try_from(value.len()).unwrap_or(u64::MAX) > bytes_max
        {
            return Err(format!("has {} bytes, more than {bytes_max}", value.len()));
        }
        if self.minimum.is_some() || self.maximum.is_some() {
            let Ok(number) = value.parse::<i64>() else {
                return Err("is no whole number".to_owned());
            };
            if let Some(minimum) = self.minimum.filter(|minimum| number < *minimum) {
                return Err(format!("is {number}, less than {minimum}"));
            }
            if let Some(maximum) = self.maximum.filter(|maximum| number > *maximum) {
                return Err(format!("is {number}, more than {maximum}"));
            }
        }
        if !self.values.is_empty() && !self.values.iter().any(|one| one == value) {
            return Err(format!("is none of {}", self.values.join(", ")));
        }
        Ok(())
    }

    /// How many bytes it takes in the log.
    pub(crate) fn bytes(&self) -> usize {
        let texts = [self.default.as_ref(), self.pattern.as_ref()];
        self.description.len()
            + texts.into_iter().flatten().map(String::len).sum::<usize>()
            + self.values.iter().map(String::len).sum::<usize>()
    }
}

/// A parameter that is not as its action declares it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// Its name.
    pub parameter: String,
    /// The rule that it breaks, in words that follow the name.
    pub problem: String,
}

/// The declarations of an action, by the names of its parameters.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Declarations {
    /// Each parameter that is declared.
    pub parameters: std::collections::BTreeMap<String, Declaration>,
    /// Parameters that are not declared are refused.
    pub is_closed: bool,
}

impl Declarations {
    /// Whether a job may have these parameters, patterns aside.
    ///
    /// # Errors
    /// The first parameter, by name, that breaks a rule.
    pub fn check(&self, parameters: &Parameters) -> Result<(), Mismatch> {
        for (name, declared) in &self.parameters {
            let problem = match parameters.get(name) {
                Some(value) => declared.check(value).err(),
                None if declared.is_required => Some("is missing".to_owned()),
                None => None,
            };
            if let Some(problem) = problem {
                return Err(Mismatch { parameter: name.clone(), problem });
            }
        }
        let unknown = |name: &&String| self.is_closed && !self.parameters.contains_key(*name);
        match parameters.keys().find(unknown) {
            Some(name) => {
                let problem = "is none that this action has".to_owned();
                Err(Mismatch { parameter: name.clone(), problem })
            }
            None => Ok(()),
        }
    }

    /// The parameters that have a pattern and a value, with both.
    pub fn patterns<'a>(
        &'a self,
        parameters: &'a Parameters,
    ) -> impl Iterator<Item = (&'a str, &'a str, &'a str)> {
        self.parameters.iter().filter_map(|(name, declared)| {
            Some((name.as_str(), declared.pattern.as_deref()?, parameters.get(name)?.as_str()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_keeps_each_rule_or_is_told_which_not() {
        let length = Declaration { bytes_max: Some(3), ..Declaration::default() };
        let number = Declaration { minimum: Some(-1), maximum: Some(10), ..Declaration::default() };
        let one_of =
            Declaration { values: vec!["a".to_owned(), "b".to_owned()], ..Declaration::default() };
        for (declared, value, problem) in [
            (&length, "abc", None),
            (&length, "äb", None),
            (&length, "abcd", Some("has 4 bytes, more than 3")),
            (&number, "10", None),
            (&number, "-1", None),
            (&number, "11", Some("is 11, more than 10")),
            (&number, "-2", Some("is -2, less than -1")),
            (&number, "1.5", Some("is no whole number")),
            (&number, "", Some("is no whole number")),
            (&number, "9223372036854775808", Some("is no whole number")),
            (&one_of, "b", None),
            (&one_of, "c", Some("is none of a, b")),
            (&Declaration::default(), "anything", None),
        ] {
            let found = declared.check(value).err();
            assert_eq!(found.as_deref(), problem, "{value}");
        }
    }

    #[test]
    fn what_is_required_is_there_and_what_is_unknown_only_if_it_may_be() {
        let required = Declaration { is_required: true, ..Declaration::default() };
        let mut declared =
            Declarations { parameters: [("image".to_owned(), required)].into(), is_closed: false };
        let given = |names: &[&str]| -> Parameters {
            names.iter().map(|name| ((*name).to_owned(), String::new())).collect()
        };
        let mismatch = |parameter: &str, problem: &str| {
            Err(Mismatch { parameter: parameter.to_owned(), problem: problem.to_owned() })
        };
        assert_eq!(declared.check(&given(&["image", "other"])), Ok(()));
        assert_eq!(declared.check(&given(&["other"])), mismatch("image", "is missing"));
        declared.is_closed = true;
        let unknown = mismatch("other", "is none that this action has");
        assert_eq!(declared.check(&given(&["image", "other"])), unknown);
    }
}
