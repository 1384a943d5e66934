//! Tables of blanks alone: columns side by side, the last as wide as the terminal lets it be.
//!
//! Made by hand: a table crate wraps cells onto more lines, and measures text that is already coloured.

use super::Line;
use crate::output::{Terminal, style};

const GAP: usize = 2;

/// One column.
#[derive(Debug, Clone, Copy, Default)]
pub struct Column {
    /// What stands above it.
    pub head: &'static str,
    /// Whether it is aligned to its right, as numbers are.
    pub right: bool,
    /// Never narrower, so that one list lines up with the next.
    pub floor: usize,
    /// On a terminal that is too narrow it is cut down to this; without, it stays whole.
    pub least: Option<usize>,
}

impl Column {
    /// A column of words that stay whole.
    pub const fn new(head: &'static str) -> Self {
        Self {
            head,
            right: false,
            floor: 0,
            least: None,
        }
    }

    /// The same for numbers.
    pub const fn right(mut self) -> Self {
        self.right = true;
        self
    }

    /// The same, never narrower than this.
    pub const fn floor(mut self, floor: usize) -> Self {
        self.floor = floor;
        self
    }

    /// The same, cut down to this where need be.
    pub const fn least(mut self, least: usize) -> Self {
        self.least = Some(least);
        self
    }
}

/// One row.
#[derive(Debug, Default)]
pub struct Row {
    /// A cell for each column.
    pub cells: Vec<Line>,
    /// Whether it stands back behind the others.
    pub dim: bool,
    /// Whether, on a terminal, a blank line sets it off from those above.
    pub apart: bool,
}

impl From<Vec<Line>> for Row {
    fn from(cells: Vec<Line>) -> Self {
        Self {
            cells,
            ..Self::default()
        }
    }
}

/// Rows under columns.
#[derive(Debug)]
pub struct Table {
    /// The columns.
    pub columns: Vec<Column>,
    /// The rows.
    pub rows: Vec<Row>,
    /// Whether the columns' heads are shown.
    pub heads: bool,
}

impl Table {
    /// Writes it. In a pipe an empty cell is a `-`, so that the columns can be counted.
    pub fn write(mut self, out: &mut String, terminal: &Terminal) {
        if !terminal.tty {
            let cells = self.rows.iter_mut().flat_map(|row| &mut row.cells);
            for cell in cells.filter(|cell| cell.is_empty()) {
                *cell = Line::new().plain("-");
            }
        }
        let widths = self.widths(terminal);
        let heads = self.heads.then(|| {
            let heads = self
                .columns
                .iter()
                .map(|column| Line::new().plain(column.head));
            Row {
                cells: heads.collect(),
                dim: true,
                apart: false,
            }
        });
        let mut line = Line::new();
        for row in heads.into_iter().chain(self.rows) {
            if row.apart && terminal.tty {
                out.push('\n');
            }
            line.clear();
            let mut start = 0;
            for ((cell, column), width) in row.cells.into_iter().zip(&self.columns).zip(&widths) {
                let cell = cell.cut(*width);
                let indent = if column.right {
                    width - cell.width()
                } else {
                    0
                };
                if !cell.is_empty() {
                    line = line.pad(start + indent).then(&cell);
                }
                start += width + GAP;
            }
            if row.dim {
                line = line.within(style::DIM);
            }
            line.write(out, terminal);
        }
    }

    fn widths(&self, terminal: &Terminal) -> Vec<usize> {
        let mut widths: Vec<usize> = self.columns.iter().map(|column| column.floor).collect();
        for (at, (width, column)) in widths.iter_mut().zip(&self.columns).enumerate() {
            if self.heads {
                *width = (*width).max(column.head.len());
            }
            for row in &self.rows {
                *width = (*width).max(row.cells.get(at).map_or(0, Line::width));
            }
        }
        if !terminal.tty {
            return widths;
        }
        let all = widths.iter().sum::<usize>() + GAP * widths.len().saturating_sub(1);
        let mut surplus = all.saturating_sub(terminal.width);
        for (width, column) in widths.iter_mut().zip(&self.columns).rev() {
            if let Some(least) = column.least {
                let less = surplus.min(width.saturating_sub(least));
                *width -= less;
                surplus -= less;
            }
        }
        widths
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(width: usize, tty: bool) -> String {
        let row = |cells: [&str; 3]| Row::from(cells.map(|c| Line::new().plain(c)).to_vec());
        let table = Table {
            columns: vec![
                Column::new("ID").least(4),
                Column::new("N").right(),
                Column::new("MESSAGE").least(8),
            ],
            rows: vec![
                row(["coder-1", "7", "what it said last"]),
                row(["x", "100", ""]),
            ],
            heads: true,
        };
        let mut out = String::new();
        table.write(
            &mut out,
            &Terminal {
                width,
                color: false,
                tty,
            },
        );
        out
    }

    #[test]
    fn a_table_is_as_wide_as_it_needs() {
        assert_eq!(
            shown(80, true),
            "ID         N  MESSAGE\n\
             coder-1    7  what it said last\n\
             x        100\n"
        );
    }

    #[test]
    fn the_last_column_gives_way_first() {
        assert_eq!(
            shown(24, true),
            "ID         N  MESSAGE\n\
             coder-1    7  what it s…\n\
             x        100\n"
        );
        assert_eq!(
            shown(20, true),
            "ID       N  MESSAGE\n\
             code…    7  what it…\n\
             x      100\n"
        );
    }

    #[test]
    fn a_pipe_gets_all_of_it_and_no_empty_cell() {
        assert_eq!(
            shown(20, false),
            "ID         N  MESSAGE\n\
             coder-1    7  what it said last\n\
             x        100  -\n"
        );
    }
}
