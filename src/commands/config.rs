//! `config`: the machine's settings.

use agentreg::model::Settings;
use serde::Serialize;

use super::Outcome;
use super::context::Context;
use crate::cli::value::Limit;
use crate::cli::{ConfigArgs, Setting};
use crate::output::Answer;
use crate::output::json::{self, Keyed};

pub fn run(args: &ConfigArgs, context: &Context) -> Outcome {
    #[derive(Serialize)]
    struct Object {
        max_concurrent: Option<u64>,
    }
    let store = context.store()?;
    let settings = match (args.key, args.value) {
        (Some(Setting::MaxConcurrent), Some(Limit(max))) => {
            store.set_settings(&|settings: &mut Settings| settings.max_concurrent = max)?
        }
        _ => store.settings()?,
    };
    let shown = settings
        .max_concurrent
        .map_or("none".to_owned(), |max| max.to_string());
    Ok(if context.json() {
        let max_concurrent = settings.max_concurrent;
        Answer::text(json::document(&Keyed(
            "settings",
            Object { max_concurrent },
        )))
    } else if context.quiet() {
        Answer::nothing()
    } else if args.key.is_some() && args.value.is_none() {
        Answer::lines([shown])
    } else {
        Answer::lines([format!("max-concurrent = {shown}")])
    })
}
