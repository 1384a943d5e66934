//! The man pages and completion scripts are committed, and rendered here again to see whether they still say what the
//! program does. `AGENTREG_BLESS=1 cargo test generated` rewrites them.

use std::collections::BTreeMap;
use std::path::Path;
use std::{env, fs};

use clap::Command;

use super::{Shell, whole};
use crate::commands::completions;

/// File names and what must be in them.
type Files = BTreeMap<String, String>;

fn man_pages() -> Files {
    fn render(command: &Command, files: &mut Files) {
        let man = clap_mangen::Man::new(command.clone())
            .source("agentreg")
            .manual("agentreg manual");
        let mut page = Vec::new();
        man.render(&mut page).unwrap();
        let page = with_examples(&String::from_utf8(page).unwrap());
        files.insert(man.get_filename(), page);
        for inner in command.get_subcommands() {
            render(inner, files);
        }
    }
    let mut files = Files::new();
    let mut tree = whole().disable_help_subcommand(true);
    tree.build();
    render(&tree, &mut files);
    files
}

/// What stands below the options in help gets the headings of a man page.
fn with_examples(page: &str) -> String {
    let (page, extra) = page.split_once(".SH EXTRA\n").unwrap();
    let (extra, rest) = extra.split_once(".SH ").unwrap_or((extra, ""));
    let (notes, examples) = extra.split_once("Example:\n").unwrap();
    let notes = match notes.trim_end() {
        "" => String::new(),
        notes => format!(".SH NOTES\n{notes}\n"),
    };
    let rest = if rest.is_empty() {
        String::new()
    } else {
        format!(".SH {rest}")
    };
    // What is to be typed is not filled.
    format!(
        "{page}{notes}.SH EXAMPLES\n.nf\n{}\n.fi\n{rest}",
        examples.trim_end()
    )
}

fn scripts() -> Files {
    [
        ("agentreg.bash", Shell::Bash),
        ("_agentreg", Shell::Zsh),
        ("agentreg.fish", Shell::Fish),
        ("agentreg.elv", Shell::Elvish),
        ("agentreg.ps1", Shell::Powershell),
    ]
    .map(|(name, shell)| (name.to_owned(), completions::script(shell)))
    .into()
}

fn committed(directory: &Path) -> Files {
    let read = |entry: fs::DirEntry| {
        let name = entry.file_name().into_string().unwrap();
        (name, fs::read_to_string(entry.path()).unwrap())
    };
    let listed = fs::read_dir(directory).into_iter().flatten();
    listed.map(|entry| read(entry.unwrap())).collect()
}

fn check(directory: &str, rendered: &Files) {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join(directory);
    let committed = committed(&directory);
    if committed == *rendered {
        return;
    }
    if env::var_os("AGENTREG_BLESS").is_none_or(|bless| bless != "1") {
        let stale: Vec<_> = committed
            .keys()
            .chain(rendered.keys())
            .filter(|name| committed.get(*name) != rendered.get(*name))
            .collect();
        panic!(
            "stale in {}: {stale:?}; AGENTREG_BLESS=1 rewrites them",
            directory.display()
        );
    }
    fs::create_dir_all(&directory).unwrap();
    for name in committed
        .keys()
        .filter(|name| !rendered.contains_key(*name))
    {
        fs::remove_file(directory.join(name)).unwrap();
    }
    for (name, text) in rendered {
        fs::write(directory.join(name), text).unwrap();
    }
}

#[test]
fn the_man_pages_are_up_to_date() {
    check("man", &man_pages());
}

#[test]
fn the_completion_scripts_are_up_to_date() {
    check("completions", &scripts());
}
