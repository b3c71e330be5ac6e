//! A plan on the device: uploads first, then every step, then one read-back.

use crate::device::{Failure, Gpu};
use crate::pool::{Pooled, rounded};
use crate::shader::{Entries, Kernel, LARGE, MEDIUM, SMALL, THIN_ROWS, Tile};
use bytemuck::{Pod, Zeroable};
use futures_channel::oneshot;
use orrery_core::compute::{Map, Operand, Pair, Plan, Shape, Step};
use std::rc::Rc;
use wgpu::{
    BindGroupDescriptor, BindGroupEntry, BindingResource, BufferBinding, BufferUsages, CommandEncoder,
    CommandEncoderDescriptor, ComputePassDescriptor, ErrorFilter, MapMode,
};

/// Parameters of successive steps lie this far apart, as every device allows.
const GIVEN_STRIDE: u64 = 256;
/// Workgroups in one direction, as every device allows.
const MOST_WORKGROUPS: usize = 65_535;
/// So much work is handed over at once: a device that is busy for seconds is taken for one that hangs.
const WORK_AT_ONCE: f64 = 5e10;
const STORAGE: BufferUsages = BufferUsages::STORAGE.union(BufferUsages::COPY_SRC).union(BufferUsages::COPY_DST);

/// What a kernel is given; see the kernels' text.
#[derive(Clone, Copy, Default, Pod, Zeroable)]
#[repr(C)]
struct Given {
    a_rows: u32,
    a_line: u32,
    a_batch: u32,
    a_column: u32,
    b_rows: u32,
    b_line: u32,
    b_batch: u32,
    b_column: u32,
    rows: u32,
    line: u32,
    columns: u32,
    batch: u32,
    depth: u32,
    alpha: f32,
    beta: f32,
    unused: u32,
}

/// One dispatch.
struct Dispatch {
    kernel: Kernel,
    given: Given,
    a: usize,
    b: usize,
    workgroups: [u32; 3],
    work: f64,
}

/// A matrix that stays on the device with the tensor it belongs to.
struct Resident {
    device: wgpu::Device,
    buffer: Rc<Pooled>,
}

/// Groups of four entries that a row takes on the device.
fn line(columns: usize) -> usize {
    columns.div_ceil(4)
}

fn bytes(shape: Shape) -> u64 {
    16 * (shape.batch * shape.rows * line(shape.columns)) as u64
}

impl Gpu {
    /// The entries of what `plan` wants, by rows, in its order.
    ///
    /// # Errors
    /// If the device cannot.
    pub async fn run(&self, plan: &Plan) -> Result<Vec<Vec<f32>>, Failure> {
        if self.is_lost() {
            return Err(Failure::Lost);
        }
        let steps = 0..plan.steps().len();
        if steps.clone().any(|step| rounded(bytes(plan.shape(step))) > self.most_bytes()) {
            return Err(Failure::TooLarge);
        }
        let dispatches: Vec<_> = steps.map(|step| dispatch(plan, step)).collect::<Result<_, _>>()?;

        let scopes = [ErrorFilter::OutOfMemory, ErrorFilter::Internal, ErrorFilter::Validation];
        let scopes = scopes.map(|filter| self.device.push_error_scope(filter));
        let staged = self.submit(plan, &dispatches);
        let mut errors = Vec::new();
        for scope in scopes.into_iter().rev() {
            errors.push(scope.pop());
        }
        // Reading begins at once, and what went wrong is asked in the meantime.
        let mapped: Vec<_> = staged.iter().map(map).collect();
        #[cfg(not(target_arch = "wasm32"))]
        let _ = self.device.poll(wgpu::PollType::wait_indefinitely());
        let mut failed = false;
        for mapped in mapped {
            failed |= !matches!(mapped.await, Ok(Ok(())));
        }
        if self.is_lost() {
            return Err(Failure::Lost);
        }
        let mut refused = None;
        for error in errors {
            match error.await {
                // Asked last, and the cause of the other errors.
                Some(wgpu::Error::OutOfMemory { .. }) => {
                    self.pool.clear();
                    return Err(Failure::TooLarge);
                }
                Some(error) => refused = Some(error.to_string()),
                None => {}
            }
        }
        if let Some(why) = refused {
            return Err(Failure::Refused(why));
        }
        if failed {
            return Err(Failure::Refused("its memory cannot be read".into()));
        }
        let wanted = plan.wanted().iter().zip(staged);
        wanted.map(|(&step, buffer)| read(&buffer, plan.shape(step))).collect()
    }

    /// Hands everything over; gives the buffers in which what is wanted will lie.
    fn submit(&self, plan: &Plan, dispatches: &[Option<Dispatch>]) -> Vec<Pooled> {
        let given_usage = BufferUsages::UNIFORM | BufferUsages::COPY_DST;
        let given = self.pool.take(&self.device, given_usage, GIVEN_STRIDE * dispatches.len() as u64);
        let mut all_given = vec![0_u8; GIVEN_STRIDE as usize * dispatches.len()];
        for (place, dispatch) in all_given.chunks_exact_mut(GIVEN_STRIDE as usize).zip(dispatches) {
            if let Some(Dispatch { given, .. }) = dispatch {
                place[..size_of::<Given>()].copy_from_slice(bytemuck::bytes_of(given));
            }
        }
        self.queue.write_buffer(&given, 0, &all_given);

        // Uploads happen before any command, so none may go into a buffer that a command has used.
        let mut buffers: Vec<Option<Rc<Pooled>>> = Vec::new();
        buffers.extend(
            (0..dispatches.len())
                .map(|step| matches!(plan.steps()[step], Step::Known).then(|| self.upload(plan, step))),
        );
        let last_uses = plan.last_uses();
        let mut encoder = self.encoder();
        let mut work = 0.0;
        for (step, dispatch) in dispatches.iter().enumerate() {
            if let Some(dispatch) = dispatch {
                let buffer = Rc::new(self.pool.take(&self.device, STORAGE, bytes(plan.shape(step))));
                let [a, b] = [dispatch.a, dispatch.b].map(|operand| buffers[operand].clone());
                if let (Some(a), Some(b)) = (a, b) {
                    self.encode(&mut encoder, dispatch, &given, step, [&a, &b, &buffer]);
                }
                buffers[step] = Some(buffer);
                work += dispatch.work;
                if work > WORK_AT_ONCE {
                    self.queue.submit([std::mem::replace(&mut encoder, self.encoder()).finish()]);
                    work = 0.0;
                }
            }
            for operand in plan.steps()[step].operands().filter(|operand| last_uses[operand.step] == step) {
                buffers[operand.step] = None;
            }
        }
        let staging = BufferUsages::MAP_READ | BufferUsages::COPY_DST;
        let mut staged = Vec::new();
        for &step in plan.wanted() {
            let bytes = bytes(plan.shape(step));
            let target = self.pool.take(&self.device, staging, bytes);
            if let Some(buffer) = buffers[step].take() {
                encoder.copy_buffer_to_buffer(&buffer, 0, &target, 0, bytes);
                plan.node(step).reside(Rc::new(Resident { device: self.device.clone(), buffer }));
            }
            staged.push(target);
        }
        self.queue.submit([encoder.finish()]);
        staged
    }

    fn encoder(&self) -> CommandEncoder {
        self.device.create_command_encoder(&CommandEncoderDescriptor::default())
    }

    /// The buffer of a known tensor, filled unless it is there already.
    fn upload(&self, plan: &Plan, step: usize) -> Rc<Pooled> {
        let (node, shape) = (plan.node(step), plan.shape(step));
        let resident = node.resident().and_then(|copy| copy.downcast::<Resident>().ok());
        if let Some(resident) = resident.filter(|resident| resident.device == self.device) {
            return resident.buffer.clone();
        }
        let buffer = Rc::new(self.pool.take(&self.device, STORAGE, bytes(shape)));
        let known = node.known().unwrap_or_default();
        let Shape { columns, .. } = shape;
        if columns.is_multiple_of(4) {
            self.queue.write_buffer(&buffer, 0, bytemuck::cast_slice(&known));
        } else {
            let width = 4 * line(columns);
            let mut filled = vec![0.0; shape.batch * shape.rows * width];
            let rows = filled.chunks_exact_mut(width).zip(known.chunks_exact(columns));
            rows.for_each(|(to, from)| to[..columns].copy_from_slice(from));
            self.queue.write_buffer(&buffer, 0, bytemuck::cast_slice(&filled));
        }
        node.reside(Rc::new(Resident { device: self.device.clone(), buffer: buffer.clone() }));
        buffer
    }

    fn encode(
        &self,
        encoder: &mut CommandEncoder,
        dispatch: &Dispatch,
        given: &Pooled,
        step: usize,
        [a, b, c]: [&Pooled; 3],
    ) {
        let [a, b, c] = [(1, a), (2, b), (3, c)].map(|(binding, buffer)| BindGroupEntry {
            binding,
            resource: BindingResource::Buffer(buffer.as_entire_buffer_binding()),
        });
        let size = std::num::NonZeroU64::new(size_of::<Given>() as u64);
        let resource = BindingResource::Buffer(BufferBinding { buffer: given, offset: 0, size });
        let group = self.device.create_bind_group(&BindGroupDescriptor {
            label: None,
            layout: &self.layout,
            entries: &[BindGroupEntry { binding: 0, resource }, a, b, c],
        });
        let mut pass = encoder.begin_compute_pass(&ComputePassDescriptor::default());
        pass.set_pipeline(&self.pipeline(dispatch.kernel));
        pass.set_bind_group(0, &group, &[(GIVEN_STRIDE * step as u64) as u32]);
        let [x, y, z] = dispatch.workgroups;
        pass.dispatch_workgroups(x, y, z);
    }
}

/// How a step is computed; nothing for one that is known or empty.
fn dispatch(plan: &Plan, step: usize) -> Result<Option<Dispatch>, Failure> {
    let shape = plan.shape(step);
    let made = match plan.steps()[step] {
        _ if shape.entries() == 0 => return Ok(None),
        Step::Known => return Ok(None),
        Step::Matmul(a, b) => product(plan, a, b, shape),
        Step::Pair(pair, a, b) => {
            let (alpha, beta) = if let Pair::Combine(alpha, beta) = pair { (alpha, beta) } else { (0.0, 0.0) };
            let made = by_entries(plan, Kernel::Entries(Entries::from(pair)), a, b, shape);
            Dispatch { given: Given { alpha, beta, ..made.given }, ..made }
        }
        Step::Map(map, a) => {
            let alpha = if let Map::Scale(alpha) = map { alpha } else { 0.0 };
            let made = by_entries(plan, Kernel::Entries(Entries::from(map)), a, a, shape);
            Dispatch { given: Given { alpha, ..made.given }, ..made }
        }
        Step::Softmax(a) => {
            let made = by_entries(plan, Kernel::Softmax, a, a, shape);
            Dispatch { workgroups: [made.given.depth.min(MOST_WORKGROUPS as u32), 1, 1], ..made }
        }
    };
    if made.workgroups.iter().any(|&count| count as usize > MOST_WORKGROUPS) {
        return Err(Failure::TooLarge);
    }
    Ok(Some(made))
}

fn product(plan: &Plan, a: Operand, b: Operand, shape: Shape) -> Dispatch {
    let depth = plan.shape_of(a).columns;
    let work = 2.0 * shape.entries() as f64 * depth as f64;
    let turn = |operand: Operand| Operand { transposed: !operand.transposed, ..operand };
    // A product with few rows is the transpose of one with few columns.
    let flipped = shape.rows <= 4 && shape.columns > 4;
    let (first, second) = if flipped { (turn(b), turn(a)) } else { (a, b) };
    let (stored_a, stored_b) = (plan.shape(first.step), plan.shape(second.step));
    let between = |stored: Shape| if stored.batch == 1 { 0 } else { (stored.rows * line(stored.columns)) as u32 };
    let given = Given {
        a_rows: stored_a.rows as u32,
        a_line: line(stored_a.columns) as u32,
        a_batch: between(stored_a),
        b_rows: stored_b.rows as u32,
        b_line: line(stored_b.columns) as u32,
        b_batch: between(stored_b),
        rows: shape.rows as u32,
        line: line(shape.columns) as u32,
        columns: shape.columns as u32,
        batch: (shape.rows * line(shape.columns)) as u32,
        depth: depth as u32,
        ..Given::default()
    };
    let (kernel, workgroups) = if flipped || shape.columns <= 4 {
        let long = if flipped { shape.columns } else { shape.rows };
        let kernel = Kernel::Thin { a: first.transposed, b: second.transposed, flipped };
        (kernel, [long.div_ceil(THIN_ROWS as usize), 1, shape.batch])
    } else {
        let tile = tile(shape);
        let kernel = Kernel::Product { tile, a: first.transposed, b: second.transposed };
        let [rows, columns] = tiles(tile, shape);
        (kernel, [columns, rows, shape.batch])
    };
    Dispatch { kernel, given, a: first.step, b: second.step, workgroups: workgroups.map(|count| count as u32), work }
}

fn tiles(tile: Tile, shape: Shape) -> [usize; 2] {
    [shape.rows.div_ceil(tile.rows as usize), shape.columns.div_ceil(tile.columns as usize)]
}

/// The largest tile of which there are enough for a device with many processors.
fn tile(shape: Shape) -> Tile {
    let enough = |(tile, least): &(Tile, usize)| tiles(*tile, shape).iter().product::<usize>() * shape.batch >= *least;
    [(LARGE, 256), (MEDIUM, 64)].into_iter().find(enough).map_or(SMALL, |(tile, _)| tile)
}

/// An operation on the entries of `a` and `b`, four to an invocation; strides count entries, and 0 repeats.
fn by_entries(plan: &Plan, kernel: Kernel, a: Operand, b: Operand, shape: Shape) -> Dispatch {
    let strides = |operand: Operand| {
        let (stored, used) = (plan.shape(operand.step), plan.shape_of(operand));
        let width = 4 * line(stored.columns);
        let (row, column) = if operand.transposed { (1, width) } else { (width, 1) };
        let stride = |side: usize, stride: usize| if side == 1 { 0 } else { stride as u32 };
        (stride(used.rows, row), stride(used.columns, column), stride(used.batch, stored.rows * width))
    };
    let ((a_rows, a_column, a_batch), (b_rows, b_column, b_batch)) = (strides(a), strides(b));
    let lines = shape.batch * shape.rows;
    let given = Given {
        a_rows,
        a_column,
        a_batch,
        b_rows,
        b_column,
        b_batch,
        rows: shape.rows as u32,
        line: line(shape.columns) as u32,
        columns: shape.columns as u32,
        depth: lines as u32,
        ..Given::default()
    };
    let workgroups = [line(shape.columns).div_ceil(64) as u32, lines.min(MOST_WORKGROUPS) as u32, 1];
    Dispatch { kernel, given, a: a.step, b: b.step, workgroups, work: shape.entries() as f64 }
}

/// Asks for a buffer's memory.
fn map(buffer: &Pooled) -> oneshot::Receiver<Result<(), wgpu::BufferAsyncError>> {
    let (sender, receiver) = oneshot::channel();
    buffer.map_async(MapMode::Read, .., move |result| {
        // The receiver is gone if the run was given up.
        let _ = sender.send(result);
    });
    receiver
}

/// The entries in a mapped buffer, without what fills up the rows.
fn read(buffer: &Pooled, shape: Shape) -> Result<Vec<f32>, Failure> {
    let Shape { columns, .. } = shape;
    if shape.entries() == 0 {
        return Ok(Vec::new());
    }
    let view = buffer.get_mapped_range(..bytes(shape)).map_err(|error| Failure::Refused(format!("{error:?}")))?;
    let stored: &[f32] = bytemuck::cast_slice(&view);
    if columns.is_multiple_of(4) {
        return Ok(stored.to_vec());
    }
    Ok(stored.chunks_exact(4 * line(columns)).flat_map(|row| &row[..columns]).copied().collect())
}
