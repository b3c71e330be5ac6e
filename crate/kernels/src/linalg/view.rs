//! Matrices in slices, transposed or not.

/// A matrix as it lies in memory: entry `(i, j)` is `entries[i * row_stride + j * column_stride]`.
#[derive(Clone, Copy)]
pub struct View<'a, T> {
    pub(super) entries: &'a [T],
    pub(super) rows: usize,
    pub(super) columns: usize,
    pub(super) row_stride: usize,
    pub(super) column_stride: usize,
}

impl<'a, T> View<'a, T> {
    /// `rows * columns` entries by rows.
    pub fn by_rows(entries: &'a [T], rows: usize, columns: usize) -> Self {
        assert_eq!(entries.len(), rows * columns, "a {rows} x {columns} matrix");
        Self { entries, rows, columns, row_stride: columns, column_stride: 1 }
    }

    /// `rows * columns` entries by columns, as nalgebra keeps them.
    pub fn by_columns(entries: &'a [T], rows: usize, columns: usize) -> Self {
        View::by_rows(entries, columns, rows).t()
    }

    /// Rows of the matrix.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Columns of the matrix.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// The transpose; nothing moves.
    pub fn t(self) -> Self {
        let Self { entries, rows, columns, row_stride, column_stride } = self;
        Self { entries, rows: columns, columns: rows, row_stride: column_stride, column_stride: row_stride }
    }
}
