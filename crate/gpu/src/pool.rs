//! Buffers that are used again: making one is slow, and a chain of products needs many of the same size.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::Deref;
use std::rc::Rc;
use wgpu::{Buffer, BufferDescriptor, BufferUsages, Device};

/// Idle buffers are let go when they hold more than this.
const IDLE_BYTES: u64 = 512 << 20;

/// Buffers that nobody uses now.
#[derive(Clone, Default)]
pub(crate) struct Pool(Rc<RefCell<Idle>>);

#[derive(Default)]
struct Idle {
    /// By what they are used for, and their size.
    buffers: BTreeMap<(u32, u64), Vec<Buffer>>,
    bytes: u64,
}

/// A buffer from the pool, to which it returns.
pub(crate) struct Pooled {
    buffer: Buffer,
    pool: Pool,
}

impl Pool {
    /// A buffer of at least `bytes`, with anything in it.
    pub(crate) fn take(&self, device: &Device, usage: BufferUsages, bytes: u64) -> Pooled {
        let size = rounded(bytes);
        let mut idle = self.0.borrow_mut();
        let found = idle.buffers.get_mut(&(usage.bits(), size)).and_then(Vec::pop);
        let buffer = match found {
            Some(buffer) => {
                idle.bytes -= size;
                buffer
            }
            None => device.create_buffer(&BufferDescriptor { label: None, size, usage, mapped_at_creation: false }),
        };
        Pooled { buffer, pool: self.clone() }
    }

    /// Lets go of all idle buffers.
    pub(crate) fn clear(&self) {
        *self.0.borrow_mut() = Idle::default();
    }
}

/// Sizes that differ little share buffers: the next of 4, 5, 6, 7 times a power of two.
pub(crate) fn rounded(bytes: u64) -> u64 {
    let step = (bytes.max(1024).next_power_of_two() / 8).max(256);
    bytes.max(1024).next_multiple_of(step)
}

impl Deref for Pooled {
    type Target = Buffer;

    fn deref(&self) -> &Buffer {
        &self.buffer
    }
}

impl Drop for Pooled {
    fn drop(&mut self) {
        // Another handle to the same buffer.
        let buffer = self.buffer.clone();
        if buffer.usage().contains(BufferUsages::MAP_READ) {
            buffer.unmap();
        }
        let mut idle = self.pool.0.borrow_mut();
        if idle.bytes + buffer.size() > IDLE_BYTES {
            *idle = Idle::default();
        }
        idle.bytes += buffer.size();
        idle.buffers.entry((buffer.usage().bits(), buffer.size())).or_default().push(buffer);
    }
}
