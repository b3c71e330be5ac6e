//! Convolution and pooling of images and signals.
//!
//! An image is a row whose entries lie by pixels, line by line, the channels of each pixel together; a signal is an image one
//! pixel high. Sizes of images are (height, width, channels), of windows (height, width).

use super::{Graph, Node};
use crate::math::Float;
use std::rc::Rc;

/// A convolution: the patches of all images are unfolded into rows, so that it is one product.
#[derive(Clone, Debug)]
pub struct Convolution {
    unfold: Rc<[Option<u32>]>,
    places: (usize, usize),
    patch: usize,
}

impl Convolution {
    /// Filters of size `window` that move over images of size `image` by `stride`, with zeros around the image, so that at
    /// stride one the output is as large as the image.
    pub fn new(image: (usize, usize, usize), window: (usize, usize), stride: usize) -> Self {
        let (height, width, channels) = image;
        let places = (height.div_ceil(stride), width.div_ceil(stride));
        let patch = window.0 * window.1 * channels;
        let mut unfold = Vec::with_capacity(places.0 * places.1 * patch);
        for (row, column) in pairs(places) {
            for (i, j) in pairs(window) {
                let y = (row * stride + i).checked_sub(window.0 / 2).filter(|&y| y < height);
                let x = (column * stride + j).checked_sub(window.1 / 2).filter(|&x| x < width);
                let pixel = y.zip(x).map(|(y, x)| (y * width + x) * channels);
                unfold.extend((0..channels).map(|channel| pixel.map(|pixel| (pixel + channel) as u32)));
            }
        }
        Self { unfold: unfold.into(), places, patch }
    }

    /// Height and width of what comes out: those of the image, divided by the stride and rounded up.
    pub fn places(&self) -> (usize, usize) {
        self.places
    }

    /// Entries of a patch, and so of a filter: window height x window width x channels.
    pub fn patch(&self) -> usize {
        self.patch
    }

    /// `x` has an image in each row; `filters` is patch x outputs, `bias` 1 x outputs. Gives images with `outputs` channels.
    pub fn apply<T: Float>(&self, graph: &mut Graph<T>, x: Node, filters: Node, bias: Node) -> Node {
        let (images, places) = (graph.shape(x).0, self.places.0 * self.places.1);
        let patches = graph.pick(x, images * places, self.patch, self.unfold.clone());
        let pixels = graph.linear(patches, filters, bias);
        let outputs = graph.shape(pixels).1;
        graph.reshape(pixels, images, places * outputs)
    }
}

/// What remains of each patch of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pooling {
    /// Its greatest entry in each channel.
    Max,
    /// Its mean in each channel.
    Mean,
}

impl Pooling {
    /// `x` has an image of size `image` in each row; each is cut into patches of size `window`, and what is left over at its right
    /// and bottom is dropped. Gives images with sides divided by the window's and rounded down.
    pub fn apply<T: Float>(
        self,
        graph: &mut Graph<T>,
        x: Node,
        image: (usize, usize, usize),
        window: (usize, usize),
    ) -> Node {
        let (height, width, channels) = image;
        let images = graph.shape(x).0;
        assert_eq!(graph.shape(x).1, height * width * channels, "images of {height} x {width} x {channels}");
        let places = (height / window.0, width / window.1);
        let (size, columns) = (window.0 * window.1, places.0 * places.1 * channels);
        let mut index = Vec::with_capacity(columns * size);
        for (row, column) in pairs(places) {
            for channel in 0..channels {
                let pixel = |(i, j)| (row * window.0 + i) * width + column * window.1 + j;
                index.extend(pairs(window).map(|place| Some((pixel(place) * channels + channel) as u32)));
            }
        }
        let patches = graph.pick(x, images * columns, size, index.into());
        let pooled = match self {
            Self::Mean => graph.row_mean(patches),
            Self::Max => {
                // The first of the greatest: which it is has no slope.
                let greatest = |row: &[T]| (1..size).fold(0, |best, j| if row[j] > row[best] { j } else { best });
                let rows = graph.value(patches).chunks_exact(size).enumerate();
                let index = rows.map(|(i, row)| Some((i * size + greatest(row)) as u32)).collect();
                graph.pick(patches, images * columns, 1, index)
            }
        };
        graph.reshape(pooled, images, columns)
    }
}

/// All pairs below `(rows, columns)`, row by row.
fn pairs((rows, columns): (usize, usize)) -> impl Iterator<Item = (usize, usize)> {
    (0..rows).flat_map(move |i| (0..columns).map(move |j| (i, j)))
}
