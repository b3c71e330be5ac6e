//! What the compute page's worker calls: products of every size, timed on the CPU and on the GPU.
#![cfg(target_arch = "wasm32")]

use orrery_gpu::Gpu;
use orrery_gpu::measure::{self, Chain};
use std::rc::Rc;
use wasm_bindgen::prelude::*;

/// This machine.
#[wasm_bindgen]
pub struct Machine {
    gpu: Option<Rc<Gpu>>,
}

#[wasm_bindgen]
impl Machine {
    /// Asks the browser for a GPU.
    pub async fn open() -> Machine {
        console_error_panic_hook::set_once();
        Machine { gpu: Gpu::open().await.ok().map(Rc::new) }
    }

    /// The GPU's name, if there is one.
    #[wasm_bindgen(getter)]
    pub fn gpu(&self) -> Option<String> {
        self.gpu.as_ref().map(|gpu| gpu.name().to_owned())
    }

    /// Gives the GPU back; it computes nothing any more.
    pub fn give_back(&self) {
        if let Some(gpu) = &self.gpu {
            gpu.destroy();
        }
    }

    /// How far the GPU's products are from the CPU's; nothing if it computes none.
    pub async fn deviation(&self) -> Option<f64> {
        measure::deviation(self.gpu.as_ref()?).await
    }

    /// Milliseconds of a product on the CPU; see [`measure::cpu_product`].
    pub async fn cpu_product(&self, size: usize, milliseconds: f64) -> f64 {
        measure::cpu_product(size, milliseconds).await
    }

    /// Milliseconds of a chain of products on the GPU; see [`measure::gpu_products`].
    pub async fn gpu_products(&self, size: usize, products: usize, milliseconds: f64) -> Option<f64> {
        measure::gpu_products(self.gpu.as_ref()?, size, products, milliseconds).await
    }

    /// Products of two matrices on the GPU, for `cargo xtask bench --gpu`; nothing without a GPU.
    pub fn chain(&self, first: Vec<f32>, second: Vec<f32>, size: usize) -> Option<Products> {
        Some(Products(Chain::new(self.gpu.clone()?, first, second, size)))
    }
}

/// See [`Chain`].
#[wasm_bindgen]
pub struct Products(Chain);

#[wasm_bindgen]
impl Products {
    /// Multiplies `times` times; false if the GPU fails.
    pub async fn run(&self, times: usize) -> bool {
        self.0.run(times).await.is_some()
    }

    /// See [`Chain::check`].
    pub async fn check(&self) -> Option<f64> {
        self.0.check().await
    }
}
