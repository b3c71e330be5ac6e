//! A GPU: its device, its compiled kernels, its buffers.

use crate::pool::Pool;
use crate::shader::Kernel;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use wgpu::{
    Backend, Backends, BindGroupLayout, BindGroupLayoutDescriptor, BindGroupLayoutEntry, BindingType,
    BufferBindingType, ComputePipeline, ComputePipelineDescriptor, Device, DeviceDescriptor, DeviceType, Instance,
    InstanceDescriptor, Limits, PipelineLayout, PipelineLayoutDescriptor, PowerPreference, Queue,
    RequestAdapterOptions, ShaderModuleDescriptor, ShaderSource, ShaderStages,
};

/// A GPU that carries out plans.
pub struct Gpu {
    pub(crate) device: Device,
    pub(crate) queue: Queue,
    pub(crate) layout: BindGroupLayout,
    pub(crate) pool: Pool,
    pipeline_layout: PipelineLayout,
    pipelines: RefCell<BTreeMap<Kernel, ComputePipeline>>,
    most_bytes: u64,
    lost: Arc<AtomicBool>,
    software: bool,
    name: String,
}

/// Why a GPU did not carry out a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// A matrix is larger than the device's buffers, or all of them than its memory; smaller ones may do.
    TooLarge,
    /// The device is gone.
    Lost,
    /// The device refused, and says why.
    Refused(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge => write!(f, "the matrices are too large for the device"),
            Self::Lost => write!(f, "the device is lost"),
            Self::Refused(why) => write!(f, "the device refused: {why}"),
        }
    }
}

impl Gpu {
    /// The machine's fastest GPU.
    ///
    /// # Errors
    /// Why there is none that can be used.
    pub async fn open() -> Result<Self, String> {
        let mut instance = InstanceDescriptor::new_without_display_handle();
        instance.backends = Backends::VULKAN | Backends::METAL | Backends::BROWSER_WEBGPU;
        let options =
            RequestAdapterOptions { power_preference: PowerPreference::HighPerformance, ..Default::default() };
        let adapter = Instance::new(instance).request_adapter(&options).await;
        let adapter = adapter.map_err(|error| format!("there is no GPU: {error}"))?;
        let offered = adapter.limits();
        let required_limits = Limits {
            max_buffer_size: offered.max_buffer_size,
            max_storage_buffer_binding_size: offered.max_storage_buffer_binding_size,
            ..Limits::default()
        };
        let descriptor = DeviceDescriptor { required_limits, ..Default::default() };
        let (device, queue) = adapter.request_device(&descriptor).await.map_err(|error| error.to_string())?;
        let info = adapter.get_info();
        let mut words = vec![info.name, info.driver, info.driver_info];
        #[cfg(target_arch = "wasm32")]
        words.extend(crate::browser::description(&device));
        words.retain(|word| !word.is_empty());
        let words = if words.is_empty() { "an adapter without a name".to_owned() } else { words.join(", ") };
        let system = match info.backend {
            Backend::BrowserWebGpu => "WebGPU",
            Backend::Metal => "Metal",
            _ => "Vulkan",
        };
        let most_bytes = offered.max_buffer_size.min(offered.max_storage_buffer_binding_size);
        let name = format!("{system}: {words}");
        Ok(Self { software: info.device_type == DeviceType::Cpu, most_bytes, name, ..Self::new(device, queue) })
    }

    fn new(device: Device, queue: Queue) -> Self {
        let lost = Arc::new(AtomicBool::new(false));
        let flag = lost.clone();
        device.set_device_lost_callback(move |_, _| flag.store(true, Ordering::Relaxed));
        // Errors are asked for where they can be answered; what is not asked for comes after a loss.
        device.on_uncaptured_error(Arc::new(|_| {}));
        let entry = |binding, ty, has_dynamic_offset| BindGroupLayoutEntry {
            binding,
            visibility: ShaderStages::COMPUTE,
            ty: BindingType::Buffer { ty, has_dynamic_offset, min_binding_size: None },
            count: None,
        };
        let read = BufferBindingType::Storage { read_only: true };
        let layout = device.create_bind_group_layout(&BindGroupLayoutDescriptor {
            label: None,
            entries: &[
                entry(0, BufferBindingType::Uniform, true),
                entry(1, read, false),
                entry(2, read, false),
                entry(3, BufferBindingType::Storage { read_only: false }, false),
            ],
        });
        let pipeline_layout = device.create_pipeline_layout(&PipelineLayoutDescriptor {
            label: None,
            bind_group_layouts: &[Some(&layout)],
            immediate_size: 0,
        });
        Self {
            device,
            queue,
            layout,
            pool: Pool::default(),
            pipeline_layout,
            pipelines: RefCell::default(),
            most_bytes: 0,
            lost,
            software: false,
            name: String::new(),
        }
    }

    /// What the page calls it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it is no hardware, but a program that runs on the CPU.
    pub fn is_software(&self) -> bool {
        self.software
    }

    /// Whether the device is gone, and every plan will fail.
    pub fn is_lost(&self) -> bool {
        self.lost.load(Ordering::Relaxed)
    }

    /// Gives the device back; what runs on it fails from now on.
    pub fn destroy(&self) {
        self.device.destroy();
        self.pool.clear();
    }

    /// The size of the largest matrix, or batch of matrices, in bytes.
    pub fn most_bytes(&self) -> u64 {
        self.most_bytes
    }

    /// The same device, to which matrices of more than `bytes` are too large.
    pub fn limited_to(self, bytes: u64) -> Self {
        Self { most_bytes: bytes.min(self.most_bytes), ..self }
    }

    /// The compiled kernel.
    pub(crate) fn pipeline(&self, kernel: Kernel) -> ComputePipeline {
        let compile = || {
            let source = ShaderSource::Wgsl(kernel.text().into());
            let module = self.device.create_shader_module(ShaderModuleDescriptor { label: None, source });
            self.device.create_compute_pipeline(&ComputePipelineDescriptor {
                label: None,
                layout: Some(&self.pipeline_layout),
                module: &module,
                entry_point: Some("main"),
                compilation_options: Default::default(),
                cache: None,
            })
        };
        self.pipelines.borrow_mut().entry(kernel).or_insert_with(compile).clone()
    }
}
