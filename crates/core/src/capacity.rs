//! Named capacities: what a worker has, and what a job takes.

use std::collections::BTreeMap;

/// Amounts by name. A job's map says what it takes while it runs, a worker's what it has.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct CapacityMap(BTreeMap<String, u64>);

impl CapacityMap {
    /// Whether a job that takes `need` fits beside what is `in_use` of this capacity.
    ///
    /// A name that is not in the map has no capacity at all. More in use than there is (an
    /// operator lowered the capacity under running jobs) fits nothing that needs the name.
    pub fn fits(&self, in_use: &Self, need: &Self) -> bool {
        need.0.iter().all(|(name, amount)| {
            let total = self.amount(name);
            *amount <= total.saturating_sub(in_use.amount(name))
        })
    }

    /// The amount under `name`, zero if there is none.
    pub fn amount(&self, name: &str) -> u64 {
        self.0.get(name).copied().unwrap_or(0)
    }

    /// The names and amounts, in the order of the names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, u64)> {
        self.0.iter().map(|(name, amount)| (name.as_str(), *amount))
    }

    /// How many names the map has.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether the map has no names.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds what a job takes. A name of which it takes nothing leaves no trace, so that what is in
    /// use is always the sum of what runs, whatever has come and gone.
    pub(crate) fn take(&mut self, need: &Self) {
        for (name, amount) in need.0.iter().filter(|(_, amount)| **amount > 0) {
            let held = self.0.entry(name.clone()).or_default();
            *held = held.saturating_add(*amount);
        }
    }

    /// Gives back what a job took; a name with nothing left is dropped.
    pub(crate) fn give_back(&mut self, need: &Self) {
        for (name, amount) in &need.0 {
            let held = self.amount(name);
            assert!(held >= *amount, "{amount} of {name} given back, {held} held");
            if held == *amount {
                self.0.remove(name);
            } else {
                self.0.insert(name.clone(), held - amount);
            }
        }
    }
}

impl FromIterator<(String, u64)> for CapacityMap {
    fn from_iter<I: IntoIterator<Item = (String, u64)>>(amounts: I) -> Self {
        Self(amounts.into_iter().collect())
    }
}
