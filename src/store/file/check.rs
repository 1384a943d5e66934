//! `doctor`
use super::FileStore;
use crate::store::{Check, Result};

pub(crate) fn check(_store: &FileStore, _repair: bool) -> Result<Check> {
    Ok(Check::default())
}
