//! Secrets in a command line: what is kept of a command is shown to every agent of the machine and pasted into issues, so
//! the values of what is named like a secret are not kept.
//!
//! A name tells: of an option (`--api-key X`), a variable (`TOKEN=X`), a header (`X-Api-Key: X`), a member of JSON, a
//! parameter of a URL. So do the place of a password in a URL and the word `Bearer`. They are looked for inside words too,
//! as in `sh -c "TOKEN=X cmd"`. Where it is not clear where a value ends, more is masked rather than less; a secret that
//! nothing names (`-p hunter2`) cannot be told from any other word. Every offset is the beginning or the end of a character
//! that was found in the same text.

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

/// So is one whose last part is one of these, or ends with `pass` or `pwd`.
const ENDS_WITH: [&str; 7] = ["auth", "cred", "creds", "jwt", "pat", "pw", "sig"];

/// What every shell keeps its directory in.
const DIRECTORIES: [&str; 2] = ["PWD", "OLDPWD"];

/// What follows these is a name, and a password behind a colon if there is one.
const LOGINS: [&str; 4] = ["-u", "-U", "--user", "--proxy-user"];

/// The words of a command with the values of its secrets masked.
pub fn masked(words: &[String]) -> Vec<String> {
    let mut is_value = false;
    let mut is_login = false;
    let mut masked = Vec::with_capacity(words.len());
    for (at, word) in words.iter().enumerate() {
        masked.push(match login(word).filter(|_| is_login) {
            _ if is_value => MASK.to_owned(),
            Some(name) => format!("{name}:{MASK}"),
            None => in_word(word),
        });
        is_login = LOGINS.contains(&word.as_str());
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

/// The name in front of a password, in one word with it.
fn login(word: &str) -> Option<&str> {
    let (name, password) = word.split_once(':')?;
    (!password.is_empty() && !password.starts_with("//")).then_some(name)
}

fn is_secret(name: &str) -> bool {
    if DIRECTORIES.contains(&name) {
        return false;
    }
    let name = name.to_ascii_lowercase();
    let last = name
        .rsplit(['-', '_', '.', ']'])
        .find(|part| !part.is_empty());
    SAYS.iter().any(|say| name.contains(say))
        || last.is_some_and(|last| {
            last.ends_with("pass") || last.ends_with("pwd") || ENDS_WITH.contains(&last)
        })
}

/// One word, of which a part may be the value of a secret.
fn in_word(word: &str) -> String {
    let name = word
        .find(|c| !is_of_name(c))
        .map_or(word, |end| &word[..end]);
    let rest = &word[name.len()..];
    // `--user=name:password`.
    let value = rest.strip_prefix('=').filter(|_| LOGINS.contains(&name));
    if let Some(user) = value.and_then(login) {
        return format!("{name}={user}:{MASK}");
    }
    // `--password=correct horse`, `PASSWORD=correct horse`, `X-Api-Key: X`: all of the word belongs to the name.
    if let Some(value) = rest.strip_prefix(['=', ':'])
        && is_secret(name)
        // What looks like the scheme of a URL is no name.
        && !rest.starts_with("://")
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
    let quoted = after.len() - after.trim_start_matches(['\\', '"', '\'', ']']).len();
    let (mut start, rest) = past_blanks(after, quoted);
    let sign = &rest[..rest.len() - rest.trim_start_matches([':', '=', '>', '?', '+']).len()];
    let is_option = name.starts_with('-') || is_bearer;
    let is_apart = start > 0;
    let found;
    (start, found) = past_blanks(after, start + sign.len());
    let end = if sign.contains('=') {
        match before.filter(|c| is_quote(*c)) {
            // `"TOKEN=a b"`: the quotes around both.
            Some(quote) => closing(found, quote, 0).unwrap_or(found.len()),
            None => end_of_shell_word(found),
        }
    } else if sign.contains(':') {
        end_of_field(found, before)
    } else if is_option && is_apart {
        // `--api-key X` and `Bearer X` within a text.
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
    let mut backslashes = 0;
    while let Some(c) = text[at..].chars().next() {
        if c.is_whitespace() && backslashes == 0 {
            break;
        }
        at += c.len_utf8();
        if matches!(c, '"' | '\'') {
            match closing(&text[at..], c, backslashes) {
                Some(length) => at += length + 1,
                None => return text.len(),
            }
        }
        backslashes = if c == '\\' { backslashes + 1 } else { 0 };
    }
    at
}

/// Where the value behind a colon ends: with its quotes, else with those around it and its name, else with the line.
fn end_of_field(text: &str, before: Option<char>) -> usize {
    let unescaped = text.trim_start_matches('\\');
    let backslashes = text.len() - unescaped.len();
    if let Some(quote) = unescaped.chars().next().filter(|c| is_quote(*c)) {
        let inner = backslashes + 1;
        let length = closing(&text[inner..], quote, backslashes);
        return length.map_or(text.len(), |length| inner + length + 1);
    }
    let line = text.find(['\n', '\r']).unwrap_or(text.len());
    match before.filter(|c| is_quote(*c)) {
        Some(quote) => closing(text, quote, 0).unwrap_or(line),
        None => line,
    }
}

/// Where the next such quote is that ends what one with so many backslashes in front began: one with more of them
/// belongs to the value.
fn closing(text: &str, quote: char, backslashes: usize) -> Option<usize> {
    let mut run = 0;
    text.char_indices().find_map(|(at, c)| {
        let found = (c == quote && run <= backslashes).then_some(at);
        run = if c == '\\' { run + 1 } else { 0 };
        found
    })
}

/// What stands in `text` from `at` on, blanks apart, and where that begins.
fn past_blanks(text: &str, at: usize) -> (usize, &str) {
    let rest = text[at..].trim_start_matches([' ', '\t']);
    (text.len() - rest.len(), rest)
}

fn is_quote(c: char) -> bool {
    matches!(c, '"' | '\'')
}

fn is_of_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn line(words: &[&str]) -> String {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        masked(&words).join(" | ")
    }

    #[test]
    fn the_values_of_options_and_variables_are_masked() {
        for (words, shown) in [
            (&["c", "--api-key", "S3"][..], "c | --api-key | ***"),
            (&["c", "--token=S3"], "c | --token=***"),
            (&["c", "PASSWORD=S 3"], "c | PASSWORD=***"),
            (
                &["c", "-e", "Anthropic_Api_Key=S3"],
                "c | -e | Anthropic_Api_Key=***",
            ),
            (&["c", "-Ddb.pass=S3"], "c | -Ddb.pass=***"),
            (
                &["c", "--no-secrets", "--token", "S3"],
                "c | --no-secrets | *** | ***",
            ),
            (
                &["c", "login", "password", "S3"],
                "c | login | password | ***",
            ),
            (
                &["c", "--client-secret", "-S3"],
                "c | --client-secret | ***",
            ),
            (
                &["c", "MYSQL_PWD=S3", "PWD=/x"],
                "c | MYSQL_PWD=*** | PWD=/x",
            ),
            (&["curl", "-u", "me:S:3"], "curl | -u | me:***"),
            (&["curl", "--user=me:S3"], "curl | --user=me:***"),
            (
                &["docker", "-u", "https://h:5/x"],
                "docker | -u | https://h:5/x",
            ),
        ] {
            assert_eq!(line(words), shown);
        }
    }

    #[test]
    fn so_are_headers_urls_and_json() {
        for (word, shown) in [
            ("Authorization: Bearer S3", "Authorization: ***"),
            ("X-Api-Key:S3", "X-Api-Key:***"),
            ("Accept: bearer S3", "Accept: bearer ***"),
            ("https://user:S3@host/x", "https://user:***@host/x"),
            ("postgres://u:S@3@h:5/d", "postgres://u:***@h:5/d"),
            ("https://S3@github.com/a", "https://***@github.com/a"),
            (
                "https://h/x?a=1&access_token=S3",
                "https://h/x?a=1&access_token=***",
            ),
            (
                r#"{"api_key": "S\"3", "a": 1}"#,
                r#"{"api_key": ***, "a": 1}"#,
            ),
            (r#"{"a":{"token":"S3"}}"#, r#"{"a":{"token":***}}"#),
            ("auth[token]=S3", "auth[token]=***"),
        ] {
            assert_eq!(line(&["curl", word]), format!("curl | {shown}"));
        }
    }

    #[test]
    fn they_are_found_within_a_script() {
        for (script, shown) in [
            ("echo; TOKEN=S3 run --x", "echo; TOKEN=*** run --x"),
            ("cd x && TOKEN='S 3'S run", "cd x && TOKEN=*** run"),
            ("env \"TOKEN=S 3\" run", "env \"TOKEN=***\" run"),
            ("run --api-key \"S 3\" --x", "run --api-key *** --x"),
            ("run --api-key=S3\nnext", "run --api-key=***\nnext"),
            ("curl -H 'X-Api-Key: S 3' u", "curl -H 'X-Api-Key: ***' u"),
            (
                r#"curl -d "{\"token\": \"S 3\"}" u"#,
                r#"curl -d "{\"token\": ***}" u"#,
            ),
            (
                "git clone https://u:S3@h/r d",
                "git clone https://u:***@h/r d",
            ),
        ] {
            assert_eq!(line(&["sh", "-c", script]), format!("sh | -c | {shown}"));
        }
    }

    #[test]
    fn what_names_no_secret_stays() {
        let plain = [
            "claude",
            "-p",
            "Review src/parser.rs: is it right? See https://a.b/c?d=e&f=g@h",
            "--model=x",
            "A=b",
            "ssh://git@host/r",
            "-v",
            "/a:/b",
            "--max-turns",
            "3",
            "tokenize the text",
        ];
        assert_eq!(line(&plain), plain.join(" | "));
    }

    /// A name that says it holds a secret, in any case.
    fn name() -> impl Strategy<Value = String> {
        let said = proptest::sample::select(&["key", "token", "secret", "password"][..]);
        ("[a-z_]{0,8}", said, "[a-z_]{0,8}", any::<u64>()).prop_map(|(a, said, b, cases)| {
            let letters = format!("{a}{said}{b}");
            let upper = |(at, c): (usize, char)| {
                if cases >> (at % 64) & 1 == 1 {
                    c.to_ascii_uppercase()
                } else {
                    c
                }
            };
            letters.chars().enumerate().map(upper).collect()
        })
    }

    proptest! {
        #[test]
        fn no_form_lets_a_named_secret_through(
            name in name(),
            value in "[A-Za-z0-9+/!%^*~-]{0,12}S3CRET[A-Za-z0-9+/!%^*~]{0,12}",
            noise in "[a-z ./=:'\"-]{0,20}",
        ) {
            let forms = [
                vec![format!("--{name}"), value.clone()],
                vec![format!("--{name}={value}")],
                vec![format!("{name}={value}")],
                vec![format!("{name}={value} {value}")],
                vec![format!("{name}: {value}")],
                vec![format!("{noise} {name}={value}")],
                vec![format!("{noise} --{name} {value}")],
                vec![format!("{noise} --{name}='{value} {value}' {noise}")],
                vec![format!("{noise}\n\"{name}\": \"{value}\"")],
                vec![format!("Bearer {value}")],
                vec![format!("https://h/p?{name}={value}")],
            ];
            for form in forms {
                let mut words = vec!["cmd".to_owned()];
                words.extend(form);
                let shown = masked(&words).join("\n");
                prop_assert!(!shown.contains("S3CRET"), "{words:?} -> {shown}");
            }
        }

        #[test]
        fn any_words_stay_as_many(words in proptest::collection::vec(any::<String>(), 0..6)) {
            let once = masked(&words);
            prop_assert_eq!(once.len(), words.len());
        }
    }
}
