//! Where large matrix products run. An exhibit asks; it does not know whether a GPU answers.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;

/// A future that stays on its thread, as all of the browser's do.
pub type Local<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// A row-major `f32` matrix of `rows` x `columns`, used as it stands or transposed.
#[derive(Clone, Copy)]
pub struct Matrix<'a> {
    /// Entries by rows, `rows * columns` of them.
    pub entries: &'a [f32],
    /// Rows as stored.
    pub rows: usize,
    /// Columns as stored.
    pub columns: usize,
    /// Whether the product uses the transpose.
    pub transposed: bool,
}

impl<'a> Matrix<'a> {
    /// The matrix as stored.
    pub fn new(entries: &'a [f32], rows: usize, columns: usize) -> Self {
        Self { entries, rows, columns, transposed: false }
    }

    /// The same entries, used transposed.
    pub fn t(self) -> Self {
        Self { transposed: !self.transposed, ..self }
    }

    /// Rows and columns as the product sees them.
    pub fn shape(&self) -> (usize, usize) {
        if self.transposed { (self.columns, self.rows) } else { (self.rows, self.columns) }
    }
}

/// Something that multiplies matrices.
pub trait Products {
    /// `a b`, row-major. The inner sizes agree.
    fn matmul<'a>(&'a self, a: Matrix<'a>, b: Matrix<'a>) -> Local<'a, Vec<f32>>;
    /// What the page calls it, such as "CPU".
    fn name(&self) -> &str;
}

/// The handle a step is given.
#[derive(Clone)]
pub struct Compute(Rc<dyn Products>);

impl Compute {
    /// Products run by `products`.
    pub fn new(products: impl Products + 'static) -> Self {
        Self(Rc::new(products))
    }

    /// `a b`, row-major, `f32`.
    pub async fn matmul(&self, a: Matrix<'_>, b: Matrix<'_>) -> Vec<f32> {
        self.0.matmul(a, b).await
    }

    /// What computes, such as "CPU".
    pub fn name(&self) -> &str {
        self.0.name()
    }
}
