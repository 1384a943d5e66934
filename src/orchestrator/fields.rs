//! Takes the fields we know from a record and leaves the others. A value that cannot be understood is named and left
//! with the others, so that nothing is lost.

use std::str::FromStr;

use super::Zone;
use super::note::{Notes, Place};
use crate::model::{Foreign, Json, Status, Timestamp};

/// What the orchestrator calls the parent of an agent that no agent started.
pub(super) const ORCHESTRATOR: &str = "orchestrator";

/// A record that is being read.
#[derive(Debug)]
pub(super) struct Fields {
    pub(super) place: Place,
    fields: Foreign,
}

impl Fields {
    pub(super) fn new(place: Place, fields: Foreign) -> Self {
        Self { place, fields }
    }

    /// Takes the field if `read` understands it. `null` is none.
    pub(super) fn take<T>(
        &mut self,
        key: &str,
        notes: &mut Notes,
        read: impl FnOnce(&Json) -> Result<T, String>,
    ) -> Option<T> {
        let value = self.peek(key, notes, read);
        if value.is_some() || self.fields.get(key).is_some_and(Json::is_null) {
            self.fields.remove(key);
        }
        value
    }

    /// Reads the field and leaves it where it is.
    pub(super) fn peek<T>(
        &self,
        key: &str,
        notes: &mut Notes,
        read: impl FnOnce(&Json) -> Result<T, String>,
    ) -> Option<T> {
        let value = self.fields.get(key).filter(|value| !value.is_null())?;
        read(value)
            .map_err(|what| notes.damaged(&self.place, format!("{key}: {what}")))
            .ok()
    }

    /// Leaves a text with the fields that were not understood.
    pub(super) fn put_back(&mut self, key: &str, text: &str) {
        put(&mut self.fields, key, text);
    }

    /// The fields that nobody took.
    pub(super) fn into_foreign(self) -> Foreign {
        self.fields
    }
}

/// Adds a text to foreign fields.
pub(super) fn put(fields: &mut Foreign, key: &str, text: &str) {
    // A text has a form in JSON.
    fields.extend(Json::of(&text).ok().map(|value| (key.to_owned(), value)));
}

/// Cuts a text to so many bytes, or to as many as whole characters have.
pub(super) fn cut(text: &mut String, most: usize) {
    let cut = (0..=most).rev().find(|cut| text.is_char_boundary(*cut));
    text.truncate(cut.unwrap_or(0));
}

pub(super) fn text(value: &Json) -> Result<String, String> {
    value
        .read()
        .map_err(|_| format!("{} is not a text", shown(value)))
}

/// A text, or the JSON of anything else: a message is kept whatever it is.
#[allow(
    clippy::unnecessary_wraps,
    reason = "one of the readers that `take` is given"
)]
pub(super) fn any_text(value: &Json) -> Result<String, String> {
    Ok(text(value).unwrap_or_else(|_| value.as_str().to_owned()))
}

#[allow(
    clippy::unnecessary_wraps,
    reason = "one of the readers that `take` is given"
)]
pub(super) fn anything(value: &Json) -> Result<Json, String> {
    Ok(value.clone())
}

pub(super) fn word<T: FromStr<Err: ToString>>(value: &Json) -> Result<T, String> {
    text(value)?.parse().map_err(|e: T::Err| e.to_string())
}

pub(super) fn status(value: &Json) -> Result<Status, String> {
    word(value)
}

/// A time as a text, or seconds since 1970.
pub(super) fn time(zone: &Zone) -> impl Fn(&Json) -> Result<Timestamp, String> + '_ {
    |value| match value.read::<f64>() {
        Ok(seconds) => {
            Zone::seconds(seconds).ok_or_else(|| format!("{} is not a time", shown(value)))
        }
        Err(_) => zone.read(&text(value)?),
    }
}

pub(super) fn whole(value: &Json) -> Result<u64, String> {
    value
        .read()
        .map_err(|_| format!("{} is not a whole number", shown(value)))
}

/// 0 to 100; a fraction is cut off.
pub(super) fn percent(value: &Json) -> Result<u8, String> {
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is within 0 to 100"
    )]
    value
        .read::<f64>()
        .ok()
        .filter(|percent| (0.0..=100.0).contains(percent))
        .map(|percent| percent as u8)
        .ok_or_else(|| format!("{} is not a percentage", shown(value)))
}

/// At most a line of a value, for a message.
fn shown(value: &Json) -> String {
    let text = value.as_str();
    match text.char_indices().nth(60) {
        Some((cut, _)) => format!("{}…", text.get(..cut).unwrap_or_default()),
        None => text.to_owned(),
    }
}
