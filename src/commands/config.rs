//! `config`: the machine's settings.

use agentreg::model::{Settings, format_size};
use serde::Serialize;

use super::Outcome;
use super::context::Context;
use crate::cli::value::{self, BadValue};
use crate::cli::{ConfigArgs, Setting};
use crate::output::json::{self, Keyed};
use crate::output::{Answer, Failure};

pub fn run(args: &ConfigArgs, context: &Context) -> Outcome {
    let store = context.store()?;
    let settings = match (args.key, &args.value) {
        (Some(key), Some(text)) => {
            let change = change(key, text).map_err(|bad| refused(key, &bad))?;
            store.set_settings(&*change)?
        }
        _ => store.settings()?,
    };
    let answer = if context.json() {
        document(&settings)
    } else if context.quiet() {
        Answer::nothing()
    } else {
        in_words(args, &settings)
    };
    Ok(if args.value.is_some() {
        answer.of_change()
    } else {
        answer
    })
}

type Change = Box<dyn Fn(&mut Settings)>;

/// What sets `key` to what `text` says.
fn change(key: Setting, text: &str) -> Result<Change, BadValue> {
    Ok(match key {
        Setting::MaxConcurrent => {
            let limit = value::limit(text)?.0;
            Box::new(move |settings| settings.max_concurrent = limit)
        }
        Setting::OutputLimit => {
            let limit = value::output_limit(text)?;
            Box::new(move |settings| settings.output_limit = limit)
        }
    })
}

fn refused(key: Setting, bad: &BadValue) -> Failure {
    Failure::usage(format!("{}: {bad}", name(key))).hint("see `agentreg config --help`")
}

fn name(key: Setting) -> &'static str {
    match key {
        Setting::MaxConcurrent => "max-concurrent",
        Setting::OutputLimit => "output-limit",
    }
}

fn shown(key: Setting, settings: &Settings) -> String {
    let shown = match key {
        Setting::MaxConcurrent => settings.max_concurrent.map(|max| max.to_string()),
        Setting::OutputLimit => settings.output_limit.map(format_size),
    };
    shown.unwrap_or_else(|| "none".to_owned())
}

fn document(settings: &Settings) -> Answer {
    #[derive(Serialize)]
    struct Object {
        max_concurrent: Option<u64>,
        output_limit: Option<u64>,
    }
    Answer::text(json::document(&Keyed(
        "settings",
        Object {
            max_concurrent: settings.max_concurrent,
            output_limit: settings.output_limit,
        },
    )))
}

fn in_words(args: &ConfigArgs, settings: &Settings) -> Answer {
    let line = |key| format!("{} = {}", name(key), shown(key, settings));
    match (args.key, &args.value) {
        (Some(key), None) => Answer::lines([shown(key, settings)]),
        (Some(key), Some(_)) => Answer::lines([line(key)]),
        (None, _) => Answer::lines([Setting::MaxConcurrent, Setting::OutputLimit].map(line)),
    }
}
