//! What a browser tells of a GPU: its maker and its family, and rarely its name.

use js_sys::Reflect;
use wasm_bindgen::JsValue;
use wgpu::Device;

/// The words that the browser has for the GPU of `device`.
pub(crate) fn description(device: &Device) -> Vec<String> {
    let get = |from: &JsValue, name: &str| Reflect::get(from, &name.into()).unwrap_or(JsValue::UNDEFINED);
    let info = device.as_webgpu().map_or(JsValue::UNDEFINED, |device| get(device.as_ref(), "adapterInfo"));
    ["vendor", "architecture"].iter().filter_map(|word| get(&info, word).as_string()).collect()
}
