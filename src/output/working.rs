//! A bar on a terminal while a call takes long.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// What has fewer steps is done before anybody could read of it.
const WORTH_IT: u64 = 500;

/// What is drawn on standard error while something is being done; gone when it is done. Nothing where nobody looks.
pub struct Working(ProgressBar);

impl Working {
    /// Draws nothing.
    pub fn hidden() -> Self {
        Self(ProgressBar::hidden())
    }

    /// Shows how many of `total` steps of `what`, a word without anything to escape, are done.
    pub fn new(what: &str, total: u64) -> Self {
        if total < WORTH_IT {
            return Self::hidden();
        }
        // It hides itself where standard error is no terminal.
        let bar =
            ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr_with_hz(10));
        let style =
            ProgressStyle::with_template("{msg}  {wide_bar}  {human_pos}/{human_len}  {eta}");
        bar.set_style(
            style
                .unwrap_or_else(|_| ProgressStyle::default_bar())
                .progress_chars("━━─"),
        );
        bar.set_message(what.to_owned());
        Self(bar)
    }

    /// So many are done.
    pub fn done(&self, steps: u64) {
        self.0.set_position(steps);
    }
}

impl Drop for Working {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
