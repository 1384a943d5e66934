//! Secrets in a command line: what is kept of a command is shown to every agent of the machine and pasted into issues, so
//! the values of what is named like a secret are not kept.
//!
//! A name tells: of an option (`--api-key X`), a variable (`TOKEN=X`), a header (`X-Api-Key: X`), a member of JSON, a
//! parameter of a URL. So do the place of a password in a URL and the word `Bearer`. They are looked for inside words too,
//! as in `sh -c "TOKEN=X cmd"`. Where it is not clear where a value ends, more is masked rather than less; a secret that
//! nothing names (`-p hunter2`) cannot be told from any other word.

/// What stands for what is not kept.
pub const MASK: &str = "***";

/// A name that says one of these, in any case, is that of a secret.
const SAYS: [&str; 11] = [
    "key",
    "token",
    "secret",
    "password",
    "passwd",
    "passphrase",
    "passcode",
    "credential",
    "authorization",
    "signature",
    "cookie",
];

/// So is one whose last part is one of these, or ends with `pass`.
const ENDS_WITH: [&str; 3] = ["auth", "pat", "sig"];

/// The words of a command with the values of its secrets masked.
pub fn masked(words: &[String]) -> Vec<String> {
    let mut is_value = false;
    let mut masked = Vec::with_capacity(words.len());
    for (at, word) in words.iter().enumerate() {
        masked.push(if is_value {
            MASK.to_owned()
        } else {
            in_word(word)
        });
        // Asked also of a word that is masked: it may be an option after one that had no value.
        is_value = announces(word, at == 0);
    }
    masked
}

/// Whether the next word is the value of a secret: after `--api-key`, `X-Api-Key:`, `Bearer`, or a bare word such as the
/// `password` of `login password X`. The program itself announces nothing.
fn announces(word: &str, is_program: bool) -> bool {
    let name = word.trim_end_matches([':', '=']);
    if is_program || name.is_empty() || !name.chars().all(is_of_name) {
        return false;
    }
    if name.starts_with('-') || name.len() < word.len() {
        return is_secret(name);
    }
    name.eq_ignore_ascii_case("bearer")
        || SAYS
            .iter()
            .any(|say| name.to_ascii_lowercase().ends_with(say))
}

fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let last = name.rsplit(['-', '_', '.', ']']).find(|part| !part.is_empty());
    SAYS.iter().any(|say| name.contains(say))
        || last.is_some_and(|last| last.ends_with("pass") || ENDS_WITH.contains(&last))
}

/// One word, of which a part may be the value of a secret.
fn in_word(word: &str) -> String {
    let name = word.find(|c| !is_of_name(c)).map_or(word, |end| &word[..end]);
    let rest = &word[name.len()..];
    // `--password=correct horse`, `PASSWORD=correct horse`, `X-Api-Key: X`: all of the word belongs to the name.
    if let Some(value) = rest.strip_prefix(['=', ':'])
        && is_secret(name)
        && !value.starts_with("//")
    {
        let blank = value.len() - value.trim_start().len();
        let value_at = name.len() + 1 + blank;
        return if value_at == word.len() {
            word.to_owned()
        } else {
            format!("{}{MASK}", &word[..value_at])
        };
    }
    in_text(word)
}

/// A text with the values masked that stand behind names within it.
fn in_text(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    let mut before = None;
    while let Some(c) = rest.chars().next() {
        let name_end = rest.find(|c| !is_of_name(c)).unwrap_or(rest.len());
        // What is neither part of a name nor in front of a value is kept.
        let (kept, value_end) = match rest.split_at(name_end) {
            ("", _) => (c.len_utf8(), c.len_utf8()),
            (name, after) => match value(name, after, before) {
                Some((start, end)) => (name_end + start, name_end + end),
                None => (name_end, name_end),
            },
        };
        shown.push_str(&rest[..kept]);
        if value_end > kept {
            shown.push_str(MASK);
        }
        before = rest[..value_end].chars().next_back();
        rest = &rest[value_end..];
    }
    shown
}

/// Where in `after`, what follows `name`, the value of a secret begins and ends. `before` is the character in front of
/// the name.
fn value(name: &str, after: &str, before: Option<char>) -> Option<(usize, usize)> {
    if let Some(address) = after.strip_prefix("://") {
        let (start, end) = password_of_url(name, address)?;
        return Some((3 + start, 3 + end));
    }
    let is_bearer = name.eq_ignore_ascii_case("bearer");
    if !is_bearer && !is_secret(name) {
        return None;
    }
    // In JSON the name is quoted, within a script with backslashes in front of the quotes; an index ends with a bracket.
    let quote = after.len() - after.trim_start_matches(['\\', '"', '\'', ']']).len();
    let blank = quote + blanks(&after[quote..]);
    let sign = after[blank..].len() - after[blank..].trim_start_matches([':', '=', '>', '?', '+']).len();
    let sign = &after[blank..blank + sign];
    let start = blank + sign.len() + blanks(&after[blank + sign.len()..]);
    let found = &after[start..];
    let end = if sign.contains('=') {
        match before.filter(|c| matches!(c, '"' | '\'')) {
            // `"TOKEN=a b"`: the quotes around both.
            Some(quote) => closing(found, quote).unwrap_or(found.len()),
            None => end_of_shell_word(found),
        }
    } else if sign.contains(':') {
        end_of_field(found, before)
    } else if start > blank || blank > quote {
        // `--api-key X` and `Bearer X` within a text.
        if !name.starts_with('-') && !is_bearer {
            return None;
        }
        end_of_shell_word(found)
    } else {
        return None;
    };
    (end > 0).then_some((start, start + end))
}

/// `user:password@` in front of a host: the password. Where there is no colon, what stands there may be a token as well
/// as a name, and over HTTP seldom is a name.
fn password_of_url(scheme: &str, address: &str) -> Option<(usize, usize)> {
    let authority = address
        .find(|c: char| c.is_whitespace() || matches!(c, '/' | '?' | '#' | '"' | '\'' | '\\'))
        .unwrap_or(address.len());
    let at = address[..authority].rfind('@')?;
    let start = match address[..at].find(':') {
        Some(colon) => colon + 1,
        None if scheme.to_ascii_lowercase().contains("http") => 0,
        None => return None,
    };
    (at > start).then_some((start, at))
}

/// Where a word of a shell's ends, quoted parts and all.
fn end_of_shell_word(text: &str) -> usize {
    let mut at = 0;
    let mut is_escaped = false;
    while let Some(c) = text[at..].chars().next() {
        if is_escaped {
            is_escaped = false;
        } else if c == '\\' {
            is_escaped = !text[at..].starts_with("\\\"") && !text[at..].starts_with("\\'");
        } else if matches!(c, '"' | '\'') {
            let after = at + 1;
            match closing(&text[after..], c) {
                Some(length) => at = after + length,
                None => return text.len(),
            }
        } else if c.is_whitespace() {
            break;
        }
        at += c.len_utf8();
    }
    at
}

/// Where the value behind a colon ends: with its quotes, else with those around it and its name, else with the line.
fn end_of_field(text: &str, before: Option<char>) -> usize {
    let unescaped = text.trim_start_matches('\\');
    let opening = text.len() - unescaped.len();
    if let Some(quote) = unescaped.chars().next().filter(|c| matches!(c, '"' | '\'')) {
        let inner = opening + 1;
        return match closing(&text[inner..], quote) {
            Some(length) => inner + length + 1,
            None => text.len(),
        };
    }
    let line = text.find(['\n', '\r']).unwrap_or(text.len());
    match before.filter(|c| matches!(c, '"' | '\'')) {
        Some(quote) => closing(text, quote).unwrap_or(line),
        None => line,
    }
}

/// Where the next such quote is. One behind a single backslash belongs to the value, unless the opening one had one too:
/// then all of the line is masked by whoever finds none.
fn closing(text: &str, quote: char) -> Option<usize> {
    let mut is_escaped = false;
    text.char_indices().find_map(|(at, c)| {
        let found = (c == quote && !is_escaped).then_some(at);
        is_escaped = c == '\\' && !is_escaped;
        found
    })
}

fn blanks(text: &str) -> usize {
    text.len() - text.trim_start_matches([' ', '\t']).len()
}

fn is_of_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.')
}
