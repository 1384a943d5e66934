//! Bars: how far an agent is, and how a task's agents fared.

use agentreg::model::Counts;
use anstyle::Style;

use super::layout::Line;
use super::style;

/// `━━╸───`: so many of a hundred, in half cells. Only nothing is empty and only a hundred is full.
pub fn percent(percent: u8, cells: usize, filled: Style) -> Line {
    let most = cells * 2;
    let mut halves = most * usize::from(percent.min(100)) / 100;
    if percent > 0 {
        halves = halves.max(1);
    }
    let half = if halves % 2 == 1 { "╸" } else { "" };
    Line::new()
        .styled(filled, "━".repeat(halves / 2) + half)
        .styled(style::DIM, "─".repeat(cells - halves.div_ceil(2)))
}

/// `━━━━━×·──`: completed, failed, terminated and active agents by their share; who is there at all has a cell.
pub fn shares(counts: &Counts, cells: usize) -> Line {
    let parts = [
        (counts.completed, "━", style::GOOD),
        (counts.failed, "×", style::BAD),
        (counts.terminated, "·", style::DIM),
        (counts.active, "─", style::GOING),
    ];
    let numbers = parts.map(|(number, _, _)| number);
    if numbers.iter().all(|number| *number == 0) {
        return Line::new().plain(" ".repeat(cells));
    }
    parts
        .iter()
        .zip(apportion(numbers, cells))
        .fold(Line::new(), |line, ((_, glyph, style), cells)| {
            line.styled(*style, glyph.repeat(cells))
        })
}

/// Shares of `cells` by largest remainder, but at least one for each part that is not zero.
fn apportion(numbers: [u64; 4], cells: usize) -> [usize; 4] {
    let total: u128 = numbers.iter().map(|number| u128::from(*number)).sum();
    let exact = numbers.map(|number| u128::from(number) * cells as u128);
    let mut shares = exact.map(|share| usize::try_from(share / total).unwrap_or(0));
    let missing = cells.saturating_sub(shares.iter().sum());
    let mut by_remainder: Vec<_> = exact.iter().zip(&mut shares).collect();
    by_remainder.sort_by_key(|(exact, _)| std::cmp::Reverse(*exact % total));
    for (_, share) in by_remainder.into_iter().take(missing) {
        *share += 1;
    }
    let unseen = |(number, share): (&u64, &usize)| *number > 0 && *share == 0;
    for _ in 0..numbers
        .iter()
        .zip(&shares)
        .filter(|part| unseen(*part))
        .count()
    {
        if let Some(largest) = shares.iter_mut().max() {
            *largest = largest.saturating_sub(1);
        }
    }
    for (number, share) in numbers.iter().zip(&mut shares) {
        if unseen((number, share)) {
            *share = 1;
        }
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_empty_at_nothing_and_full_at_a_hundred_only() {
        let bar = |n| percent(n, 5, style::PLAIN).text();
        assert_eq!(bar(0), "─────");
        assert_eq!(bar(1), "╸────");
        assert_eq!(bar(50), "━━╸──");
        assert_eq!(bar(99), "━━━━╸");
        assert_eq!(bar(100), "━━━━━");
        assert_eq!(bar(255), "━━━━━");
    }

    #[test]
    fn whoever_is_there_has_a_cell() {
        let bar = |completed, failed, terminated, active| {
            let counts = Counts {
                spawned: completed + failed + terminated + active,
                active,
                completed,
                failed,
                terminated,
            };
            shares(&counts, 10).text()
        };
        assert_eq!(bar(4, 1, 0, 3), "━━━━━×────");
        assert_eq!(bar(1_000_000, 1, 1, 1), "━━━━━━━×·─");
        assert_eq!(bar(0, 0, 0, 1), "──────────");
        assert_eq!(bar(0, 0, 0, 0), "          ");
    }
}
