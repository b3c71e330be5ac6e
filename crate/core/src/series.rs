//! A recording that never outgrows a figure.

/// Values recorded step by step, thinned evenly once there are more than a figure can show: at most
/// [`Series::CAPACITY`] samples are kept, at a stride that doubles, and the newest is always among them.
#[derive(Clone, Debug, Default)]
pub struct Series {
    kept: Vec<[f64; 2]>,
    newest: Option<[f64; 2]>,
    stride: usize,
    seen: usize,
}

impl Series {
    /// The most samples that are kept.
    pub const CAPACITY: usize = 2048;

    /// An empty recording.
    pub fn new() -> Self {
        Self { stride: 1, ..Self::default() }
    }

    /// Records `y` at `x`. A number that is not finite is left out: it has no place in a picture.
    pub fn push(&mut self, x: f64, y: f64) {
        if !(x.is_finite() && y.is_finite()) {
            return;
        }
        if self.stride == 0 {
            self.stride = 1;
        }
        if self.seen.is_multiple_of(self.stride) {
            self.kept.push([x, y]);
            self.newest = None;
            if self.kept.len() > Self::CAPACITY {
                let mut index = 0;
                self.kept.retain(|_| {
                    index += 1;
                    index % 2 == 1
                });
                self.stride *= 2;
            }
        } else {
            self.newest = Some([x, y]);
        }
        self.seen += 1;
    }

    /// The recorded samples in order.
    pub fn iter(&self) -> impl Iterator<Item = [f64; 2]> + '_ {
        self.kept.iter().copied().chain(self.newest)
    }

    /// The abscissas.
    pub fn xs(&self) -> impl Iterator<Item = f64> + '_ {
        self.iter().map(|[x, _]| x)
    }

    /// The ordinates.
    pub fn ys(&self) -> impl Iterator<Item = f64> + '_ {
        self.iter().map(|[_, y]| y)
    }

    /// The newest sample.
    pub fn last(&self) -> Option<[f64; 2]> {
        self.newest.or_else(|| self.kept.last().copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_recording_stays_small_and_keeps_both_ends() {
        let mut series = Series::new();
        for t in 0..1_000_003 {
            series.push(f64::from(t), -f64::from(t));
        }
        let xs: Vec<f64> = series.xs().collect();
        assert!(xs.len() <= Series::CAPACITY + 1 && xs.len() > Series::CAPACITY / 2);
        assert_eq!(xs[0], 0.0);
        assert_eq!(series.last(), Some([1_000_002.0, -1_000_002.0]));
        let stride = xs[1] - xs[0];
        assert!(xs.windows(2).take(xs.len() - 2).all(|pair| pair[1] - pair[0] == stride));
    }
}
