//! What a call costs, as a whole process, and against what: `cargo bench`.
//!
//! Every figure is a ratio of two programs measured in one run, in rounds in which their order is shuffled. The whole
//! table takes some minutes and about 10 GB for a while; it is written to `benches/results.json` and
//! `benches/growth.svg`. A missed bound is printed as missed and fails nothing.
//!
//! ```text
//! cargo bench -- [--row NAME]… [--agents N] [--rounds N] [--dir DIR] [--out DIR]
//! ```
//!
//! | option | meaning |
//! |---|---|
//! | `--row` | only the rows whose name begins with this |
//! | `--agents` | the size of the large registries, 1000000 unless given |
//! | `--rounds` | so often each program is measured, 400 unless given |
//! | `--dir` | where the registries are made; the build directory unless given |
//! | `--out` | where the results are written; `benches/` if the whole table ran, else nowhere |

// A measurement that cannot be made stops the benchmark.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
// A benchmark makes and removes files of its own.
#![allow(clippy::disallowed_methods)]
// It prints figures: nothing is lost to a mantissa of 52 bits.
#![allow(clippy::cast_precision_loss)]

mod crowd;
mod curve;
mod floor;
mod growth;
mod machine;
mod options;
mod reading;
mod registry;
mod results;
mod rivals;
mod rounds;
mod rows;
mod table;

use std::error::Error;
use std::process::ExitCode;

use options::Options;

/// Whatever went wrong, in words.
type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> ExitCode {
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(Some(options)) => options,
        Ok(None) => return ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("calls: {error}");
            return ExitCode::from(2);
        }
    };
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("calls: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<()> {
    let scratch = tempfile::Builder::new()
        .prefix("calls-")
        .tempdir_in(&options.dir)?;
    rivals::copy_program(scratch.path())?;
    let machine = machine::Machine::look(scratch.path())?;
    println!("{machine}\n");
    if machine.file_system == "tmpfs" {
        println!("This is no disk: a sync costs nothing here. Name a real one with --dir.\n");
    }
    let taken = rows::run(options, scratch.path())?;
    print!("{}", table::of(&taken));
    if let Some(out) = options.out() {
        results::write(out, &machine, options, &taken)?;
    }
    Ok(())
}
