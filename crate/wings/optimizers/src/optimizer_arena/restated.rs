//! Every rule once more, formulated otherwise: weighted sums and their weights in the place of corrected means,
//! displacements in the place of momenta, and histories summed anew in the place of running sums.

use super::rule::{BETA, DECAY, FIRST, LION, MOMENTUM, RADIUS, RMS, Rule, Shape};
use orrery_kernels::math::{pow, tanh};
use orrery_kernels::optim::Method;

/// A rule in its other formulation.
#[derive(Clone)]
pub struct Restated {
    rule: Rule,
    rate: f64,
    shape: Shape,
    t: f64,
    start: Vec<f64>,
    /// The point before this one, or the other sequence of a rule that has two.
    before: Vec<f64>,
    /// Sums of gradients and of squares, and a third vector where one is needed.
    first: Vec<f64>,
    second: Vec<f64>,
    third: Vec<f64>,
    /// The weights in those sums.
    weights: [f64; 2],
    /// A number for every step.
    history: Vec<f64>,
    d: f64,
    gained: f64,
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn apart(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum::<f64>().sqrt()
}

/// The direction of a vector: scaled by its greatest entry first.
fn unit(g: &[f64]) -> Vec<f64> {
    let most = g.iter().fold(0.0, |most: f64, g| most.max(g.abs()));
    if most == 0.0 {
        return g.to_vec();
    }
    let scaled: Vec<f64> = g.iter().map(|g| g / most).collect();
    let length = dot(&scaled, &scaled).sqrt();
    scaled.iter().map(|g| g / length).collect()
}

fn ratio(top: f64, bottom: f64) -> f64 {
    if bottom > 0.0 { top / bottom } else { 0.0 }
}

impl Restated {
    /// Before its first step.
    pub fn new(rule: Rule, rate: f64, shape: Shape) -> Self {
        let zeros = vec![0.0; shape.n];
        let [first, second, third] = [zeros.clone(), zeros.clone(), zeros];
        let (start, before, history) = (vec![], vec![], vec![]);
        let (t, weights, gained) = (0.0, [0.0; 2], 0.0);
        Self { rule, rate, shape, t, start, before, first, second, third, weights, history, d: FIRST, gained }
    }

    /// Adds to both weighted sums; the weights of what came before fade.
    fn gather(&mut self, g: &[f64], fade: [f64; 2]) {
        for ((m, v), g) in self.first.iter_mut().zip(&mut self.second).zip(g) {
            (*m, *v) = (fade[0] * *m + g, fade[1] * *v + g * g);
        }
        self.weights = [fade[0] * self.weights[0] + 1.0, fade[1] * self.weights[1] + 1.0];
    }

    /// Weighted means of the gradient and of its square, entry by entry.
    fn means(&self) -> impl Iterator<Item = (f64, f64)> + '_ {
        let [m, v] = self.weights;
        self.first.iter().zip(&self.second).map(move |(first, second)| (first / m, second / v))
    }

    /// The reach of the points so far from the start, kept in `d`.
    fn reach(&mut self, x: &[f64]) -> f64 {
        if self.t == 1.0 {
            self.d = FIRST * (1.0 + dot(x, x).sqrt());
        }
        self.d = self.d.max(apart(x, &self.start));
        self.d
    }

    fn polyak(&mut self, x: &mut [f64], value: f64, g: &[f64], beta: f64) {
        // The displacement u: u ← βu - ηg, x ← x + u.
        let u: Vec<f64> = x.iter().zip(&self.before).map(|(x, before)| x - before).collect();
        let eta = ratio(value - self.shape.least + beta * dot(g, &u), dot(g, g)).max(0.0);
        self.before.copy_from_slice(x);
        x.iter_mut().zip(u.iter().zip(g)).for_each(|(x, (u, g))| *x += beta * u - eta * g);
    }

    /// Second moments as the rank-one matrix with the rows and columns of their full running mean.
    fn adafactor(&mut self, x: &mut [f64], g: &[f64]) {
        let fresh = pow(self.t, -0.8);
        self.second.iter_mut().zip(g).for_each(|(v, g)| *v = (1.0 - fresh) * *v + fresh * (g * g + 1e-30));
        let mut at = 0;
        for &(rows, columns) in &self.shape.matrices {
            let range = at..at + rows * columns;
            at = range.end;
            let (v, g, x) = (&self.second[range.clone()], &g[range.clone()], &mut x[range]);
            let sums = |of: &dyn Fn(usize) -> usize, count: usize| {
                let mut sums = vec![0.0; count];
                v.iter().enumerate().for_each(|(k, v)| sums[of(k)] += v);
                sums
            };
            let (r, c) = (sums(&|k| k / columns, rows), sums(&|k| k % columns, columns));
            let total: f64 = r.iter().sum();
            let size = |u: &[f64]| (dot(u, u) / u.len() as f64).sqrt();
            let u: Vec<f64> =
                g.iter().enumerate().map(|(k, g)| g / (r[k / columns] * c[k % columns] / total).sqrt()).collect();
            let step = size(x).max(1e-3) * self.rate.min(1.0 / self.t.sqrt()) / size(&u).max(1.0);
            x.iter_mut().zip(&u).for_each(|(x, u)| *x -= step * u);
        }
    }

    fn schedule_free(&mut self, x: &mut [f64], look: &mut dyn FnMut(&[f64], &mut [f64]) -> f64) {
        // Only y (`before`) and z (`third`) are kept: x = (y - (1-β)z)/β.
        if self.t == 1.0 {
            self.third.copy_from_slice(x);
        }
        let adam = self.rule == Rule::ScheduleFreeAdam;
        let mut g = vec![0.0; x.len()];
        let y = self.before.clone();
        look(&y, &mut g);
        let decay = if adam { DECAY } else { 0.0 };
        if adam {
            self.gather(&g, BETA);
            let roots: Vec<f64> = self.means().map(|(_, v)| v.sqrt() + 1e-8).collect();
            g.iter_mut().zip(roots).for_each(|(g, root)| *g /= root);
        }
        let beta = if adam { BETA[0] } else { MOMENTUM };
        for (k, x) in x.iter_mut().enumerate() {
            let mean = (y[k] - (1.0 - beta) * self.third[k]) / beta;
            self.third[k] -= self.rate * (g[k] + decay * y[k]);
            *x = mean + (self.third[k] - mean) / self.t;
            self.before[k] = beta * *x + (1.0 - beta) * self.third[k];
        }
    }

    fn u_dog(&mut self, x: &mut [f64], look: &mut dyn FnMut(&[f64], &mut [f64]) -> f64) {
        // `first` is x, `second` is y, `third` the weighted mean, `history` the r̄, `gained` is G.
        if self.t == 1.0 {
            (self.first, self.second, self.third) = (x.to_vec(), x.to_vec(), x.to_vec());
        }
        let (inner, outer) = (self.first.clone(), self.second.clone());
        let reach = self.reach(&inner).max(self.reach(&outer));
        self.history.push(reach);
        let omega: f64 = self.history.iter().sum();
        self.weights[0] += omega;
        let share = omega / self.weights[0];
        let z: Vec<f64> = self.third.iter().zip(&outer).map(|(mean, y)| mean + share * (y - mean)).collect();
        let (mut m, mut g) = (vec![0.0; x.len()], vec![0.0; x.len()]);
        look(&z, &mut m);
        let alpha = omega / reach;
        if self.gained == 0.0 {
            self.gained = alpha * alpha * dot(&m, &m);
        }
        let step = ratio(omega, self.gained.sqrt());
        for k in 0..x.len() {
            self.first[k] = outer[k] - step * m[k];
            self.third[k] += share * (self.first[k] - self.third[k]);
        }
        x.copy_from_slice(&self.third);
        look(x, &mut g);
        let off = alpha * apart(&g, &m);
        self.gained += off * off;
        let step = ratio(omega, self.gained.sqrt());
        self.second.iter_mut().zip(&g).for_each(|(y, g)| *y -= step * g);
    }

    fn dual_averaging(&mut self, x: &mut [f64], g: &[f64]) {
        // The history holds d_i and ‖g_i‖², by turns.
        let square = dot(g, g);
        if square == 0.0 {
            return;
        }
        self.history.extend([self.d, square]);
        self.first.iter_mut().zip(g).for_each(|(s, g)| *s += self.d * g);
        let (mut total, mut spent) = (0.0, 0.0);
        for pair in self.history.chunks_exact(2) {
            let before = if total > 0.0 { total } else { pair[1] };
            spent += pair[0] * pair[0] * pair[1] / before.sqrt();
            total += pair[1];
        }
        let length = dot(&self.first, &self.first).sqrt();
        self.d = self.d.max(0.5 * (length / total.sqrt() - spent / length));
        for (x, (start, s)) in x.iter_mut().zip(self.start.iter().zip(&self.first)) {
            *x = start - s / total.sqrt();
        }
    }

    fn d_adapt_sgd(&mut self, x: &mut [f64], g: &[f64]) {
        // 2Σλ⟨g, s⟩ = ‖s‖² - Σλ²‖g‖²; the history holds the norm of the first gradient.
        let square = dot(g, g);
        if self.history.is_empty() {
            if square == 0.0 {
                return;
            }
            self.history.push(square.sqrt());
        }
        let lambda = self.d / self.history[0];
        self.gained += lambda * lambda * square;
        self.first.iter_mut().zip(g).for_each(|(s, g)| *s += lambda * g);
        let length = dot(&self.first, &self.first);
        self.d = self.d.max(ratio(length - self.gained, length.sqrt()));
        for (x, (start, s)) in x.iter_mut().zip(self.start.iter().zip(&self.first)) {
            *x = start - s;
        }
    }

    /// D-Adapt Adam and Prodigy, their sums without the factors (1-β) and 1/d₀.
    fn self_tuning(&mut self, x: &mut [f64], g: &[f64]) {
        let prodigy = self.rule == Rule::Prodigy;
        let ([b1, b2], root, d) = (BETA, BETA[1].sqrt(), self.d);
        let [w1, w2] = self.weights;
        self.weights = [b1 * w1 + 1.0, b2 * w2 + 1.0];
        let lambda = d * ((1.0 - b2) * self.weights[1]).sqrt() / ((1.0 - b1) * self.weights[0]);
        let v = |second: f64| ((1.0 - b2) * second).sqrt();
        let along: f64 = if prodigy {
            g.iter().zip(self.start.iter().zip(x.iter())).map(|(g, (start, x))| g * (start - x)).sum()
        } else {
            let sums = self.third.iter().zip(&self.second);
            g.iter().zip(sums).map(|(g, (s, &second))| g * s / (v(second) + 1e-8)).sum()
        };
        let (gradient, sum) = if prodigy { (d, d * lambda) } else { (lambda, lambda) };
        self.gained = root * self.gained + sum * along;
        let scale = if prodigy { d * d } else { 1.0 };
        for (k, g) in g.iter().enumerate() {
            self.first[k] = b1 * self.first[k] + gradient * g;
            self.second[k] = b2 * self.second[k] + scale * g * g;
            self.third[k] = root * self.third[k] + sum * g;
        }
        let size: f64 = self.third.iter().map(|s| s.abs()).sum();
        self.d = d.max(ratio(self.gained, size));
        let (step, floor) = if prodigy { (lambda, self.d * 1e-8) } else { (1.0, 1e-8) };
        for (x, (m, &second)) in x.iter_mut().zip(self.first.iter().zip(&self.second)) {
            *x -= step * (1.0 - b1) * m / (v(second) + floor);
        }
    }
}

impl Method for Restated {
    fn advance(&mut self, x: &mut [f64], look: &mut dyn FnMut(&[f64], &mut [f64]) -> f64) {
        self.t += 1.0;
        if self.start.is_empty() {
            (self.start, self.before) = (x.to_vec(), x.to_vec());
        }
        let rate = self.rate;
        let mut g = vec![0.0; x.len()];
        match self.rule {
            Rule::ScheduleFree | Rule::ScheduleFreeAdam => return self.schedule_free(x, look),
            Rule::UDog => return self.u_dog(x, look),
            Rule::TripleMomentum => {
                // x ← x + b u - a∇f(x + γu) with the displacement u; ρ = 4/5.
                let rho: f64 = 0.8;
                let (b, ahead) = (rho * rho / (2.0 - rho), rho * rho / ((1.0 + rho) * (2.0 - rho)));
                let u: Vec<f64> = x.iter().zip(&self.before).map(|(x, before)| x - before).collect();
                let v: Vec<f64> = x.iter().zip(&u).map(|(x, u)| x + ahead * u).collect();
                look(&v, &mut g);
                self.before.copy_from_slice(x);
                x.iter_mut().zip(u.iter().zip(&g)).for_each(|(x, (u, g))| *x += b * u - rate * g);
                return;
            }
            _ => {}
        }
        let value = look(x, &mut g);
        match self.rule {
            Rule::Sgd => x.iter_mut().zip(&g).for_each(|(x, g)| *x -= rate * g),
            Rule::Momentum => {
                // x ← x - ηg + μ(x - x')
                for ((x, before), g) in x.iter_mut().zip(&mut self.before).zip(&g) {
                    let here = *x;
                    (*x, *before) = (here - rate * g + MOMENTUM * (here - *before), here);
                }
            }
            Rule::Nesterov => {
                // w⁺ = y - ηg,  y ← w⁺ + μ(w⁺ - w)
                for ((y, w), g) in x.iter_mut().zip(&mut self.before).zip(&g) {
                    let next = *y - rate * g;
                    (*y, *w) = (next + MOMENTUM * (next - *w), next);
                }
            }
            Rule::Normalized => x.iter_mut().zip(unit(&g)).for_each(|(x, u)| *x -= rate * u),
            Rule::Sam => {
                let up: Vec<f64> = x.iter().zip(unit(&g)).map(|(x, u)| x + RADIUS * u).collect();
                look(&up, &mut g);
                x.iter_mut().zip(&g).for_each(|(x, g)| *x -= rate * g);
            }
            Rule::AdaGrad | Rule::RmsProp => {
                let (fade, fresh, floor) =
                    if self.rule == Rule::AdaGrad { (1.0, 1.0, 1e-10) } else { (RMS, 1.0 - RMS, 1e-8) };
                self.gather(&g, [0.0, fade]);
                for (x, (v, g)) in x.iter_mut().zip(self.second.iter().zip(&g)) {
                    *x -= rate * g / (fresh * v + floor).sqrt();
                }
            }
            Rule::AdaGradNorm => {
                self.history.push(dot(&g, &g));
                let step = rate / (self.history.iter().sum::<f64>() + 1e-10).sqrt();
                x.iter_mut().zip(&g).for_each(|(x, g)| *x -= step * g);
            }
            Rule::Adam | Rule::AdamW | Rule::AmsGrad => {
                self.gather(&g, BETA);
                let means: Vec<(f64, f64)> = self.means().collect();
                let decay = if self.rule == Rule::AdamW { DECAY } else { 0.0 };
                for ((x, (m, v)), most) in x.iter_mut().zip(means).zip(&mut self.third) {
                    *most = if self.rule == Rule::AmsGrad { most.max(v) } else { v };
                    *x = (1.0 - rate * decay) * *x - rate * m / (most.sqrt() + 1e-8);
                }
            }
            Rule::DiffGrad => {
                // 1/(1 + e^-c) = (1 + tanh(c/2))/2
                self.gather(&g, BETA);
                let means: Vec<(f64, f64)> = self.means().collect();
                for (((x, (m, v)), last), g) in x.iter_mut().zip(means).zip(&mut self.third).zip(&g) {
                    let friction = 0.5 * (1.0 + tanh(0.5 * (*last - g).abs()));
                    *last = *g;
                    *x -= rate * friction * m / (v.sqrt() + 1e-8);
                }
            }
            Rule::AdaBelief => {
                self.gather(&g, BETA);
                let fresh = 1.0 - BETA[1];
                for (k, x) in x.iter_mut().enumerate() {
                    let off = g[k] - (1.0 - BETA[0]) * self.first[k];
                    self.third[k] = BETA[1] * self.third[k] + off * off + 1e-16 / fresh;
                    let (m, s) = (self.first[k] / self.weights[0], self.third[k] / self.weights[1]);
                    *x -= rate * m / (s.sqrt() + 1e-16);
                }
            }
            Rule::Lion => {
                for ((x, m), g) in x.iter_mut().zip(&mut self.first).zip(&g) {
                    let c = LION[0] * (1.0 - LION[1]) * *m + (1.0 - LION[0]) * g;
                    let sign = if c == 0.0 { 0.0 } else { c.signum() };
                    *x = (1.0 - rate * DECAY) * *x - rate * sign;
                    *m = LION[1] * *m + g;
                }
            }
            Rule::Dog => {
                self.history.push(dot(&g, &g));
                let step = self.reach(x) / (self.history.iter().sum::<f64>() + 1e-8).sqrt();
                x.iter_mut().zip(&g).for_each(|(x, g)| *x -= step * g);
            }
            Rule::Polyak => self.polyak(x, value, &g, 0.0),
            Rule::PolyakBall => self.polyak(x, value, &g, MOMENTUM),
            Rule::PolyakMean => {
                self.gather(&g, [MOMENTUM, 0.0]);
                let step = ratio(value - self.shape.least, dot(&self.first, &self.first)).max(0.0);
                x.iter_mut().zip(&self.first).for_each(|(x, d)| *x -= step * d);
            }
            Rule::Adafactor => self.adafactor(x, &g),
            Rule::DAdaptation => self.dual_averaging(x, &g),
            Rule::DAdaptSgd => self.d_adapt_sgd(x, &g),
            Rule::DAdaptAdam | Rule::Prodigy => self.self_tuning(x, &g),
            Rule::ScheduleFree | Rule::ScheduleFreeAdam | Rule::UDog | Rule::TripleMomentum => {}
        }
    }

    fn learning_rate(&mut self) -> &mut f64 {
        &mut self.rate
    }
}
