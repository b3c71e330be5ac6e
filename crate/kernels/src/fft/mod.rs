//! Fourier analysis with `libm`'s sines: the same to the bit everywhere.

mod complex;
mod convolution;
mod hadamard;
mod real;
mod roots;
mod stockham;

pub use complex::Fft;
pub use convolution::{convolve, convolve_circular, correlate};
pub use hadamard::walsh_hadamard;
pub use real::{RealFft, Spectrum};
pub use roots::Roots;
