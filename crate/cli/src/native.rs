//! Running a session natively.

use crate::refusal::Refusal;
use orrery_core::control::Settings;
use orrery_core::registry::Entry;
use orrery_core::session::Session;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs `session` until `step` or its end.
pub fn advance(session: &mut dyn Session, step: usize) {
    let compute = orrery_gpu::cpu();
    pollster::block_on(session.advance(&compute, step, &mut || true));
}

/// Begins a run of `entry`.
///
/// # Errors
/// A setting it cannot run.
pub fn open(entry: &Entry, settings: &Settings, seed: u64) -> Result<Box<dyn Session>, Refusal> {
    let blamed = |error| Refusal::new(format!("{}: {}", entry.card.slug, Refusal::from(error)));
    (entry.open)(settings, seed).map_err(blamed)
}

/// What `work` gives, or the message of its panic: one exhibit that breaks must not take the others with it.
///
/// # Errors
/// The message of the panic.
pub fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|payload| {
        let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| payload.downcast_ref::<String>().cloned());
        format!("panicked: {}", text.unwrap_or_default())
    })
}
