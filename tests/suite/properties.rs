//! Any sequence of calls leaves the registry as the rules say, whatever dies on the way.
//!
//! The real store and a plain model of the rules (`model`, written from the design and not from the program) are given
//! the same calls. Between the calls files are cut back to what a killed call or a power cut leaves (`interruption`):
//! that changes nothing of what was acknowledged, for readers at once and for writers after them, and is no problem to
//! `doctor`.

mod comparison;
mod interruption;
mod model;
mod names;
mod operation;
mod real;

use agentreg::store::Store;
use agentreg::store::file::FileStore;
use proptest::prelude::*;

use self::model::Model;
use self::operation::{Operation, SETTINGS, operation};

/// The plain model, the real store, and the call made to both before.
struct Pair {
    root: tempfile::TempDir,
    store: FileStore,
    model: Model,
    before: Option<Operation>,
    /// Whether the call before was a lifecycle change and nothing happened since.
    is_fresh: bool,
}

impl Pair {
    fn new() -> Self {
        // In memory where there is such a place: nothing is lost here, so the many waits for a disk prove nothing.
        let root = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
        let root = root.expect("a temporary directory");
        Self {
            store: real::store(&root.path().join("home")),
            root,
            model: Model::default(),
            before: None,
            is_fresh: false,
        }
    }

    fn home(&self) -> std::path::PathBuf {
        self.root.path().join("home")
    }

    /// Makes the call to both; what is read is equal before and after.
    fn apply(&mut self, operation: &Operation) {
        match operation {
            Operation::Interrupt(stage) => {
                interruption::interrupt(&self.home(), *stage, self.is_fresh);
                self.is_fresh = false;
            }
            Operation::Tear { file, task, share } => {
                interruption::tear(&self.home(), *file, task, *share);
            }
            Operation::Again => {
                if let Some(before) = self.before.clone() {
                    self.call(&before);
                }
            }
            call => self.call(call),
        }
        if self.model.exists {
            comparison::assert_equal(&self.store, &self.model);
            let check = self.store.check(false).expect("doctor can look");
            assert_eq!(check.problems, []);
        }
    }

    fn call(&mut self, call: &Operation) {
        let events = self.model.events.len();
        let expected = self.model.apply(call);
        assert_eq!(real::apply(&self.store, call), expected, "{call:?}");
        self.is_fresh = self.model.events.len() > events;
        self.before = Some(call.clone());
    }
}

/// `PROPTEST_CASES` sets another number of cases.
fn config() -> ProptestConfig {
    ProptestConfig {
        max_shrink_iters: 500,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn any_sequence_of_calls_equals_the_plain_model(
        operations in prop::collection::vec(operation(), 1..50),
    ) {
        let mut pair = Pair::new();
        for operation in &operations {
            pair.apply(operation);
        }
        // The next change finishes what is unfinished; then the files alone tell it all.
        pair.call(&Operation::Open { task: "last", settings: SETTINGS[0] });
        comparison::assert_recount(&pair.home(), &pair.model);
        names::assert_found(&pair.store, &pair.model);
    }
}
