//! A list as rows of cells: which of them are shown, in which order, and which one is chosen.

use std::cmp::Ordering;

use crate::filter::Filter;

/// How much a cell stands out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    Plain,
    Good,
    Warn,
    Bad,
    Faint,
}

/// One cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cell {
    pub(crate) text: String,
    /// By what it is sorted, if not by its text.
    pub(crate) order: Option<i64>,
    pub(crate) tone: Tone,
}

impl Cell {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), order: None, tone: Tone::Plain }
    }

    /// A number, by whose size it is sorted.
    pub(crate) fn number(n: u64) -> Self {
        Self::new(n.to_string()).by(i64::try_from(n).unwrap_or(i64::MAX))
    }

    pub(crate) fn by(self, order: i64) -> Self {
        Self { order: Some(order), ..self }
    }

    pub(crate) fn toned(self, tone: Tone) -> Self {
        Self { tone, ..self }
    }
}

/// One column.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Column {
    pub(crate) name: &'static str,
    /// Its characters; 0 is all that is left, for the last one.
    pub(crate) width: u16,
    /// It is left out of terminals that are narrower.
    pub(crate) from: u16,
}

/// A column that is always there.
pub(crate) const fn column(name: &'static str, width: u16) -> Column {
    Column { name, width, from: 0 }
}

/// A column of wide terminals.
pub(crate) const fn wide(name: &'static str, width: u16, from: u16) -> Column {
    Column { name, width, from }
}

/// One thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    /// Its id, or its name.
    pub(crate) key: String,
    /// As many as there are columns.
    pub(crate) cells: Vec<Cell>,
}

/// How somebody looks at a list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct View {
    /// What is chosen; nothing is whatever is first, so that a live list stays at its head.
    selected: Option<String>,
    /// Where that was when it was last seen.
    place: usize,
    /// The first row that is shown.
    pub(crate) offset: usize,
    /// The column that it is sorted by, if it is not as it came.
    pub(crate) sort: Option<usize>,
    pub(crate) is_reversed: bool,
    pub(crate) filter: Filter,
}

impl View {
    /// The rows that are shown, in their order.
    pub(crate) fn arrange(&self, rows: Vec<Row>) -> Vec<Row> {
        let words = self.filter.words();
        let fits = |row: &Row| {
            let has = |word: &String| {
                row.key.to_lowercase().contains(word)
                    || row.cells.iter().any(|cell| cell.text.to_lowercase().contains(word))
            };
            words.iter().all(has)
        };
        let mut rows: Vec<_> = rows.into_iter().filter(fits).collect();
        if let Some(column) = self.sort {
            rows.sort_by(|one, other| compare(one.cells.get(column), other.cells.get(column)));
        }
        if self.is_reversed {
            rows.reverse();
        }
        rows
    }

    /// Which of these rows is chosen.
    pub(crate) fn index(&self, rows: &[Row]) -> Option<usize> {
        let last = rows.len().checked_sub(1)?;
        let Some(selected) = &self.selected else { return Some(0) };
        let found = rows.iter().position(|row| row.key == *selected);
        Some(found.unwrap_or_else(|| self.place.min(last)))
    }

    /// What is chosen of these rows.
    pub(crate) fn chosen<'a>(&self, rows: &'a [Row]) -> Option<&'a Row> {
        rows.get(self.index(rows)?)
    }

    /// Chooses a row so many further down; whether it would have gone beyond the end.
    pub(crate) fn go(&mut self, rows: &[Row], by: isize) -> bool {
        let Some(index) = self.index(rows) else { return true };
        let wanted = index.saturating_add_signed(by);
        let last = rows.len() - 1;
        let place = wanted.min(last);
        self.place = place;
        self.selected = rows.get(place).filter(|_| place > 0).map(|row| row.key.clone());
        wanted > last
    }

    /// Sorts by the next of so many columns, and after the last as it came.
    pub(crate) fn sort_by_next(&mut self, columns: usize) {
        self.sort = match self.sort {
            None => Some(0),
            Some(column) if column + 1 < columns => Some(column + 1),
            Some(_) => None,
        };
        self.top();
    }

    /// Back to the first row.
    pub(crate) fn top(&mut self) {
        (self.selected, self.place, self.offset) = (None, 0, 0);
    }

    /// Moves what is shown, so that the chosen row is among `height` rows.
    pub(crate) fn scroll(&mut self, index: usize, height: usize) {
        let lowest = (index + 1).saturating_sub(height);
        self.offset = self.offset.clamp(lowest, index.max(lowest));
    }
}

fn compare(one: Option<&Cell>, other: Option<&Cell>) -> Ordering {
    let key = |cell: Option<&Cell>| cell.map(|cell| (cell.order, cell.text.clone()));
    key(one).cmp(&key(other))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(of: &[(&str, u64)]) -> Vec<Row> {
        let row = |(key, n): &(&str, u64)| Row {
            key: (*key).to_owned(),
            cells: vec![Cell::new(*key), Cell::number(*n)],
        };
        of.iter().map(row).collect()
    }

    fn keys(rows: &[Row]) -> Vec<&str> {
        rows.iter().map(|row| row.key.as_str()).collect()
    }

    #[test]
    fn numbers_are_sorted_as_numbers() {
        let mut view = View::default();
        let all = rows(&[("b", 10), ("c", 9), ("a", 100)]);
        assert_eq!(keys(&view.arrange(all.clone())), ["b", "c", "a"], "as it came");
        view.sort_by_next(2);
        assert_eq!(keys(&view.arrange(all.clone())), ["a", "b", "c"]);
        view.sort_by_next(2);
        assert_eq!(keys(&view.arrange(all.clone())), ["c", "b", "a"]);
        view.is_reversed = true;
        assert_eq!(keys(&view.arrange(all)), ["a", "b", "c"]);
    }

    #[test]
    fn what_is_chosen_stays_chosen_when_others_come() {
        let mut view = View::default();
        let before = rows(&[("b", 1), ("a", 1)]);
        assert!(!view.go(&before, 1));
        let after = rows(&[("d", 1), ("c", 1), ("b", 1), ("a", 1)]);
        assert_eq!(view.chosen(&after).map(|row| row.key.as_str()), Some("a"));
        // And where it is gone, what is in its place.
        assert_eq!(
            view.chosen(&rows(&[("d", 1), ("c", 1)])).map(|row| row.key.as_str()),
            Some("c")
        );
        assert!(view.go(&after, 9), "that is beyond the end");
        view.go(&after, -9);
        assert_eq!(view.chosen(&before).map(|row| row.key.as_str()), Some("b"), "the head is live");
    }

    #[test]
    fn the_chosen_row_is_among_those_shown() {
        let mut view = View::default();
        for (index, offset) in [(0, 0), (4, 0), (5, 1), (30, 26), (27, 26), (25, 25), (0, 0)] {
            view.scroll(index, 5);
            assert_eq!(view.offset, offset, "{index}");
        }
    }

    #[test]
    fn rows_have_all_words_of_the_filter() {
        let view = View { filter: Filter::of("A 10"), ..View::default() };
        assert_eq!(keys(&view.arrange(rows(&[("a", 100), ("b", 10), ("a", 2)]))), ["a"]);
    }
}
