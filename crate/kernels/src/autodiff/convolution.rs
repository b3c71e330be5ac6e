//! Convolution and pooling of images and signals.

use super::{Float, Graph, Node};
use std::rc::Rc;

/// A convolution of a batch of images, or of signals (images one pixel high): the patches are unfolded into rows, so
/// that it is one product.
#[derive(Clone, Debug)]
pub struct Convolution {
    unfold: Rc<[Option<u32>]>,
    fold: Rc<[Option<u32>]>,
    batch: usize,
    patches: usize,
    patch: usize,
    outputs: usize,
}

impl Convolution {
    /// For `batch` images of `channels` x `height` x `width` and `outputs` filters of `kernel` = (height, width), moved
    /// by `stride`, with zeros around the image so that at stride one the output is as large as the image.
    pub fn new(
        batch: usize,
        (channels, height, width): (usize, usize, usize),
        outputs: usize,
        kernel: (usize, usize),
        stride: usize,
    ) -> Self {
        let (high, wide) = (height.div_ceil(stride), width.div_ceil(stride));
        let (patches, patch) = (high * wide, channels * kernel.0 * kernel.1);
        let mut unfold = Vec::with_capacity(batch * patches * patch);
        for image in 0..batch {
            for (row, column) in (0..high).flat_map(|row| (0..wide).map(move |column| (row, column))) {
                for channel in 0..channels {
                    for (i, j) in (0..kernel.0).flat_map(|i| (0..kernel.1).map(move |j| (i, j))) {
                        let y = (row * stride + i).checked_sub(kernel.0 / 2).filter(|&y| y < height);
                        let x = (column * stride + j).checked_sub(kernel.1 / 2).filter(|&x| x < width);
                        let pixel = y.zip(x).map(|(y, x)| ((image * channels + channel) * height + y) * width + x);
                        unfold.push(pixel.map(|pixel| pixel as u32));
                    }
                }
            }
        }
        // The product lies by (image, place, output); an image by (output, place).
        let place = |i: usize| {
            let (image, output, place) = (i / (outputs * patches), i / patches % outputs, i % patches);
            Some(((image * patches + place) * outputs + output) as u32)
        };
        let fold = (0..batch * outputs * patches).map(place).collect();
        Self { unfold: unfold.into(), fold, batch, patches, patch, outputs }
    }

    /// `x` is batch x (channels · height · width); `filters` (channels · kernel height · kernel width) x outputs; `bias`
    /// 1 x outputs. Gives batch x (outputs · height · width), the sides divided by the stride and rounded up.
    pub fn apply<T: Float>(&self, graph: &mut Graph<T>, x: Node, filters: Node, bias: Node) -> Node {
        let rows = graph.pick(x, self.batch * self.patches, self.patch, self.unfold.clone());
        let product = graph.linear(rows, filters, bias);
        graph.pick(product, self.batch, self.outputs * self.patches, self.fold.clone())
    }
}

/// What remains of each patch of an image or a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pooling {
    /// Its greatest entry.
    Max,
    /// Its mean.
    Mean,
}

impl Pooling {
    /// `x` is batch x (channels · height · width); each image is cut into patches of `window` = (height, width), what is left over at its right and
    /// bottom is dropped. Gives batch x (channels · height/window · width/window).
    pub fn apply<T: Float>(
        self,
        graph: &mut Graph<T>,
        x: Node,
        (channels, height, width): (usize, usize, usize),
        window: (usize, usize),
    ) -> Node {
        let (batch, length) = graph.shape(x);
        assert_eq!(length, channels * height * width, "images of {channels} x {height} x {width}");
        let (high, wide) = (height / window.0, width / window.1);
        let mut patches = Vec::with_capacity(batch * channels * high * wide * window.0 * window.1);
        for image in 0..batch * channels {
            for (row, column) in (0..high).flat_map(|row| (0..wide).map(move |column| (row, column))) {
                for (i, j) in (0..window.0).flat_map(|i| (0..window.1).map(move |j| (i, j))) {
                    let (y, x) = (row * window.0 + i, column * window.1 + j);
                    patches.push(Some(((image * height + y) * width + x) as u32));
                }
            }
        }
        let size = window.0 * window.1;
        let columns = channels * high * wide;
        match self {
            Self::Mean => {
                let patches = graph.pick(x, batch * columns, size, patches.into());
                let mean = graph.row_mean(patches);
                graph.reshape(mean, batch, columns)
            }
            Self::Max => {
                // The first of the greatest, as a choice that has no slope.
                let entries = graph.value(x);
                let at = |index: &Option<u32>| index.map_or_else(T::default, |i| entries[i as usize]);
                let greatest = |patch: &[Option<u32>]| {
                    patch
                        .iter()
                        .copied()
                        .reduce(|best, other| if at(&other) > at(&best) { other } else { best })
                        .flatten()
                };
                let index = patches.chunks_exact(size).map(greatest).collect();
                graph.pick(x, batch, columns, index)
            }
        }
    }
}
