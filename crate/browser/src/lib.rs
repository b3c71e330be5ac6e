//! A wing as a WebAssembly module: the few calls by which the page's worker runs a session.
//!
//! A wing's crate says `orrery_browser::export!(WING);` and its module then has a class `Session`. A wing with matrix
//! products large enough for a GPU says `orrery_browser::export!(WING, gpu);`: its module can use one, and is the larger
//! for it.

use orrery_core::compute::{Compute, Engine};
use orrery_core::control::Settings;
use orrery_core::error::Error;
use orrery_core::registry::Wing;
use orrery_core::serde_json;
use orrery_core::session::Session;
use orrery_gpu::Memory;

pub use js_sys;
pub use wasm_bindgen;
pub use wasm_bindgen_futures;

use js_sys::Float64Array;
use std::rc::Rc;
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    // The same clock in a window and in a worker; it only ends a slice and is never part of a result.
    #[wasm_bindgen(js_namespace = performance)]
    fn now() -> f64;
    // The worker's memory of this machine; where there is none these throw.
    #[wasm_bindgen(js_name = orreryRecall, catch)]
    fn recall(name: &str) -> Result<Option<String>, JsValue>;
    #[wasm_bindgen(js_name = orreryKeep, catch)]
    fn keep(name: &str, text: &str) -> Result<(), JsValue>;
}

/// A running exhibit, for the worker. Wrapped by [`export!`].
pub struct Browser {
    session: Box<dyn Session>,
    compute: Compute,
}

/// What the worker sends to the page: the layout and the claim as JSON, all numbers as one array.
pub struct Shown {
    /// Descriptions of the figures.
    pub layout: String,
    /// The claim.
    pub claim: String,
    /// The numbers.
    pub data: Float64Array,
    /// The frame's hash, in hexadecimal.
    pub hash: String,
    /// What computed it; see [`Compute::name`].
    pub by: String,
}

/// Products on the CPU.
pub fn cpu() -> Compute {
    orrery_gpu::cpu()
}

/// Products on the CPU until a GPU is found to be faster; all runs of a worker share what is found, and later visits do.
pub fn gpu() -> Compute {
    const MEMORY: Memory =
        Memory { recall: |name| recall(name).ok().flatten(), keep: |name, text| drop(keep(name, text)) };
    thread_local! {
        static ENGINE: Rc<dyn Engine> = orrery_gpu::faster(wasm_bindgen_futures::spawn_local, MEMORY);
    }
    Compute::new(ENGINE.with(Rc::clone))
}

fn thrown(error: &Error) -> JsValue {
    JsValue::from_str(&serde_json::to_string(error).unwrap_or_default())
}

fn settings(json: &str) -> Result<Settings, JsValue> {
    let bad = |fault| thrown(&Error::new(format!("the settings are not a JSON object: {fault}")));
    serde_json::from_str(json).map_err(bad)
}

impl Browser {
    /// Begins a run of the wing's exhibit `slug`.
    ///
    /// # Errors
    /// An [`Error`] as JSON text.
    pub fn open(wing: &Wing, slug: &str, settings_json: &str, seed: u64, compute: Compute) -> Result<Self, JsValue> {
        console_error_panic_hook::set_once();
        let entry = wing.exhibits.iter().find(|entry| entry.card.slug == slug);
        let entry = entry.ok_or_else(|| thrown(&Error::new(format!("this wing has no exhibit {slug}"))))?;
        let session = (entry.open)(&settings(settings_json)?, seed).map_err(|error| thrown(&error))?;
        Ok(Self { session, compute })
    }

    /// Runs until `step`, the end, or until `milliseconds` have passed, whichever comes first.
    pub async fn advance(&mut self, step: usize, milliseconds: f64) {
        let end = now() + milliseconds;
        // The clock is asked after 1, 2, 4, … steps while they stay short, so that a step of a microsecond does not
        // pay for it, and a slice is overrun by at most as much again.
        let (mut batch, mut left) = (1_u32, 1_u32);
        let mut asked = now();
        let mut go_on = || {
            left -= 1;
            if left > 0 {
                return true;
            }
            let time = now();
            if time - asked < 0.25 {
                batch = (batch * 2).min(1024);
            } else if time - asked > 1.0 {
                batch = (batch / 2).max(1);
            }
            (asked, left) = (time, batch);
            time < end
        };
        self.session.advance(&self.compute, step, &mut go_on).await;
    }

    /// See [`Session::rewind`].
    pub fn rewind(&mut self, step: usize) {
        self.session.rewind(step);
    }

    /// See [`Session::retune`].
    ///
    /// # Errors
    /// An [`Error`] as JSON text.
    pub fn retune(&mut self, settings_json: &str) -> Result<bool, JsValue> {
        self.session.retune(&settings(settings_json)?).map_err(|error| thrown(&error))
    }

    /// The moment reached.
    pub fn frame(&self) -> Shown {
        let frame = self.session.frame();
        Shown {
            layout: frame.layout_json(),
            claim: frame.claim_json(),
            data: Float64Array::from(frame.figures.data()),
            hash: format!("{:016x}", frame.hash()),
            by: self.compute.name().to_string(),
        }
    }

    /// The session.
    pub fn session(&self) -> &dyn Session {
        self.session.as_ref()
    }
}

/// Exports the class `Session` from a wing's WebAssembly module, whose products run on the [`cpu`] or, where the wing
/// says so, on a [`gpu`].
#[macro_export]
macro_rules! export {
    ($wing:expr) => {
        $crate::export!($wing, cpu);
    };
    ($wing:expr, $engine:ident) => {
        #[cfg(target_arch = "wasm32")]
        mod browser {
            use $crate::wasm_bindgen;
            use $crate::wasm_bindgen::prelude::*;

            /// A running exhibit.
            #[wasm_bindgen(wasm_bindgen = $crate::wasm_bindgen)]
            pub struct Session($crate::Browser);

            /// A moment of a run.
            #[wasm_bindgen(getter_with_clone, wasm_bindgen = $crate::wasm_bindgen)]
            pub struct Frame {
                /// Descriptions of the figures, JSON.
                pub layout: String,
                /// The claim, JSON.
                pub claim: String,
                /// The figures' numbers.
                pub data: $crate::js_sys::Float64Array,
                /// The frame's hash, hexadecimal.
                pub hash: String,
                /// What computed it.
                pub by: String,
            }

            #[wasm_bindgen(wasm_bindgen = $crate::wasm_bindgen, wasm_bindgen_futures = $crate::wasm_bindgen_futures)]
            impl Session {
                /// Begins a run; throws the error as JSON text.
                #[wasm_bindgen(constructor)]
                pub fn open(slug: &str, settings: &str, seed: f64) -> Result<Session, JsValue> {
                    $crate::Browser::open(&$wing, slug, settings, seed as u64, $crate::$engine()).map(Session)
                }

                /// Runs until `step`, the end, or for `milliseconds`.
                pub async fn advance(&mut self, step: f64, milliseconds: f64) {
                    self.0.advance(step as usize, milliseconds).await;
                }

                /// Goes back to a kept moment at or before `step`.
                pub fn rewind(&mut self, step: f64) {
                    self.0.rewind(step as usize);
                }

                /// Takes over live controls; false if another control changed.
                pub fn retune(&mut self, settings: &str) -> Result<bool, JsValue> {
                    self.0.retune(settings)
                }

                /// Steps run.
                #[wasm_bindgen(getter)]
                pub fn step(&self) -> f64 {
                    self.0.session().step() as f64
                }

                /// Steps the run takes at most.
                #[wasm_bindgen(getter)]
                pub fn length(&self) -> f64 {
                    self.0.session().length() as f64
                }

                /// Whether the run is over.
                #[wasm_bindgen(getter)]
                pub fn done(&self) -> bool {
                    self.0.session().done()
                }

                /// The moment reached.
                pub fn frame(&self) -> Frame {
                    let $crate::Shown { layout, claim, data, hash, by } = self.0.frame();
                    Frame { layout, claim, data, hash, by }
                }
            }
        }
    };
}
