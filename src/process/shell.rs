//! Shells that were given one command (`sh -c …`), as harnesses, `make` and `ssh` start them: the shell that `$$` names is
//! gone when that command has run.

use std::fs;

use rustix::process::{Pid, getpid};

use super::search::ancestors;

/// A shell that this process descends from, or was itself before, and that is gone soon.
#[derive(Debug, PartialEq, Eq)]
pub struct OneCommand {
    /// Its command line's beginning; none where it became this process: some shells execute the last command they have
    /// in their own place.
    pub called: Option<String>,
    /// The nearest process above it that is no such shell, with its name.
    pub stays: Option<(u32, String)>,
}

/// Whether the process of this number is a shell that runs one command, of which this process is a part.
pub fn one_command(pid: u32) -> Option<OneCommand> {
    let named = i32::try_from(pid).ok().and_then(Pid::from_raw)?;
    let is_this = named == getpid();
    let mut above = ancestors(getpid())
        .into_iter()
        .skip_while(|pid| !is_this && *pid != named);
    let called = if is_this {
        None
    } else {
        Some(shell_words(above.next()?)?)
    };
    let stays = above.find(|pid| shell_words(*pid).is_none());
    let stays = stays.filter(|pid| *pid != Pid::INIT).map(|pid| {
        let number = pid.as_raw_nonzero();
        let name = fs::read_to_string(format!("/proc/{number}/comm")).unwrap_or_default();
        (number.get().unsigned_abs(), name.trim_end().to_owned())
    });
    Some(OneCommand { called, stays })
}

fn shell_words(pid: Pid) -> Option<String> {
    let line = fs::read(format!("/proc/{}/cmdline", pid.as_raw_nonzero())).ok()?;
    let words: Vec<_> = line
        .split(|byte| *byte == 0)
        .map(String::from_utf8_lossy)
        .collect();
    let words: Vec<&str> = words.iter().map(AsRef::as_ref).collect();
    runs_one_command(&words)
}

/// The shell and the option that says so.
fn runs_one_command(words: &[&str]) -> Option<String> {
    const SHELLS: [&str; 9] = [
        "sh", "bash", "dash", "ash", "zsh", "ksh", "mksh", "fish", "busybox",
    ];
    let (first, mut rest) = words.split_first()?;
    // A login shell's name begins with a hyphen.
    let name = first.rsplit('/').next()?.trim_start_matches('-');
    if !SHELLS.contains(&name) {
        return None;
    }
    while let Some((word, behind)) = rest.split_first() {
        rest = behind;
        if let Some(long) = word.strip_prefix("--") {
            if long == "command" || long.starts_with("command=") {
                return Some(format!("{name} {word}"));
            }
        } else if let Some(letters) = word.strip_prefix(['-', '+']) {
            if word.starts_with('-') && letters.contains('c') {
                return Some(format!("{name} {word}"));
            }
            // `-o pipefail`: the next word is the option's.
            if letters.contains(['o', 'O']) {
                rest = rest.split_first().map_or(rest, |(_, behind)| behind);
            }
        } else if !(name == "busybox" && SHELLS.contains(word)) {
            return None;
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_with_c_among_its_options_runs_one_command() {
        let runs = |line: &str| {
            let words: Vec<_> = line.split(' ').collect();
            runs_one_command(&words)
        };
        assert_eq!(runs("sh -c true"), Some("sh -c".to_owned()));
        assert_eq!(runs("/bin/bash -lc true"), Some("bash -lc".to_owned()));
        assert!(runs("bash -eo pipefail -c true").is_some());
        assert!(runs("bash --norc -c true").is_some());
        assert!(runs("busybox sh -c true").is_some());
        assert_eq!(runs("bash script -c"), None);
        assert_eq!(runs("-bash"), None);
        assert_eq!(runs("bash -i"), None);
        assert_eq!(runs("python3 -c pass"), None);
    }
}
