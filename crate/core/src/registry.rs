//! Exhibits as values: what the command line, the tests and the browser walk.

use crate::claim::Verdict;
use crate::control::{Settings, Spec, specs_with_defaults, write_changed};
use crate::error::Result;
use crate::exhibit::{Card, Exhibit, Scenario};
use crate::session::{Session, open};

/// An exhibit whose type has been forgotten.
#[derive(Clone, Copy)]
pub struct Entry {
    /// The wing it hangs in, as [`Wing::slug`].
    pub wing: &'static str,
    /// What the gallery says.
    pub card: Card,
    /// The file that is the exhibit: essay and algorithm. Empty in the browser, where the page has it already.
    pub source: &'static str,
    /// Its controls, with their defaults.
    pub specs: fn() -> Vec<Spec>,
    /// Its scenarios, each as what it changes of the defaults.
    pub scenarios: fn() -> Vec<Scenario<Settings>>,
    /// Begins a run.
    pub open: fn(&Settings, u64) -> Result<Box<dyn Session>>,
}

impl Entry {
    /// The entry of an exhibit.
    pub const fn of<E: Exhibit>(wing: &'static str, source: &'static str) -> Self {
        Self {
            wing,
            card: E::CARD,
            source,
            specs: specs_with_defaults::<E::Controls>,
            scenarios: scenarios::<E>,
            open: open::<E>,
        }
    }
}

fn scenarios<E: Exhibit>() -> Vec<Scenario<Settings>> {
    let changed = |Scenario { id, label, note, controls, expect }: Scenario<E::Controls>| {
        let expect: Verdict = expect;
        Scenario { id, label, note, controls: write_changed(&controls), expect }
    };
    E::scenarios().into_iter().map(changed).collect()
}

/// A family of exhibits: one crate, one WebAssembly module.
#[derive(Clone, Copy)]
pub struct Wing {
    /// Its name in files and filters.
    pub slug: &'static str,
    /// Its name on the page.
    pub title: &'static str,
    /// Its exhibits, in the order the gallery shows them.
    pub exhibits: &'static [Entry],
}

/// Declares a wing: the module of each exhibit, and the wing's list of them.
///
/// ```ignore
/// orrery_core::wing! {
///     "optimizers", "Optimizers";
///     lion_lyapunov::LionLyapunov,
/// }
/// ```
#[macro_export]
macro_rules! wing {
    ($slug:literal, $title:literal; $($file:ident :: $exhibit:ident),* $(,)?) => {
        $(pub mod $file;)*

        /// The wing and its exhibits. A static's functions are compiled here, and not again in each crate that names it.
        #[cfg(not(test))]
        pub static WING: $crate::registry::Wing = $crate::registry::Wing {
            slug: $slug,
            title: $title,
            exhibits: &[$(
                $crate::registry::Entry::of::<$file::$exhibit>(
                    $slug,
                    if cfg!(target_arch = "wasm32") { "" } else { include_str!(concat!(stringify!($file), ".rs")) },
                ),
            )*],
        };
    };
}
