//! A matrix $M^*$ of rank $r$ is hidden behind $m$ linear measurements $y_i=\langle A_i,M^*\rangle$. Gradient descent looks
//! for it through factors with $k$ columns, and nobody tells it $r$. How much does one column too many cost?
//!
//! **The curse.** Write the guess as $XX^\top$. With $k=r$ the error shrinks by a constant factor per iteration. With
//! $k>r$ the superfluous columns have to vanish, and the force on them is proportional to what is left of them, cubed:
//! they die like $1/\sqrt T$, so the squared error crawls like $1/T^2$. On log-log axes that is a straight line of slope
//! $-2$.
//!
//! **The way out.** Write the guess as $FG^\top$ with two *unequal* factors. Gradient descent nearly conserves
//! $F^\top F-G^\top G$, so the superfluous columns of $F$ stay alive at the size $\alpha$ of the start, and those of $G$ are
//! driven out at the rate $\alpha^2$: a straight line on log-linear axes (switch the horizontal axis). Starting small makes it
//! slow again. That is the curse of initialisation, and *one* modified iteration lifts it: with $F=U\Sigma V^\top$, replace
//! $(F,G)$ by $(\beta U,\;GV\Sigma/\beta)$. The product is the same; the imbalance is now $\beta^2$.
//!
//! **Try.** Move $\alpha$: the asymmetric line swings, the rebalanced one only shifts. Set $k=r$: the symmetric run
//! is fast already. Take $m$ below a few times $nr$: the measurements no longer resemble an isometry, and both
//! asymmetric runs are lost; the symmetric one with $r$ columns, which has the fewest unknowns, still finds $M^*$.
//! Large $\beta$ with large $\eta$ diverges; the curve then stops, and the claim says so.
//!
//! **What is measured.** The log-log slope of the symmetric error over $T\in[1000,8000]$; the straightness of $\ln$ error
//! over the second half of the asymmetric run, and its rate at six values of $\alpha$ (the sweep that follows the
//! 8,000 iterations); the iteration at which the squared error passes $10^{-20}$.
//!
//! **Found here.** The gain of rebalancing is certain only for small $\alpha$: at $n=16$ the least superfluous singular
//! value of $F$ is a matter of luck, and at $\alpha=0.5$ the asymmetric run needs two to five times as long, or less. The
//! claim therefore ends at $0.4$. Above $0.7$ the rate no longer grows for every seed: too much imbalance is slow as well.
//!
//! **Scaled down.** $n=16$, Gaussian $A_i$; one step on the scrubber is ten iterations. The population option is the
//! limit $m\to\infty$, where $D=\hat M-M^*$, at $n=100$. All contenders share the measurements; the symmetric ones use the
//! symmetric part of $D$, which is the gradient along symmetric matrices.

use orrery_core::figure::Ink;
use orrery_core::prelude::*;
use orrery_kernels::linalg::{DMatrix, LineFit, product};
use orrery_kernels::math::log;
use orrery_kernels::random::{normal_matrix, normals, orthonormal};
use std::rc::Rc;

const CARD: Card = Card {
    slug: "overparam-sensing-curse",
    title: "How Over-Parameterization Slows Down Gradient Descent in Matrix Sensing: The Curses of Symmetry and Initialization",
    year: 2023,
    lists: &[0, 1, 2, 3, 4],
    claim: "One superfluous column turns an exponential convergence into a 1/T² crawl, and unequal factors undo it.",
    algorithms: &["gradient descent", "matrix sensing", "matrix factorisation", "over-parameterisation", "rebalancing"],
    contenders: &[
        Contender::paper("asymmetric", "asymmetric FGᵀ"),
        Contender::paper("rebalanced", "asymmetric, rebalanced once"),
        Contender::baseline("symmetric", "symmetric XXᵀ, k columns"),
        Contender::baseline("exact", "symmetric XXᵀ, r columns"),
    ],
};

/// How the guess is written, and so which gradient descent runs.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Form {
    /// `X Xᵀ` with k columns.
    #[choice("symmetric, k columns")]
    Symmetric,
    /// `X Xᵀ` with r columns.
    #[choice("symmetric, r columns")]
    Exact,
    /// `F Gᵀ` with k columns.
    #[choice("asymmetric")]
    Asymmetric,
    /// `F Gᵀ` with k columns, rebalanced once.
    #[choice("asymmetric + rebalance")]
    Rebalanced,
}

impl Form {
    fn contender(self) -> &'static str {
        match self {
            Self::Symmetric => "symmetric",
            Self::Exact => "exact",
            Self::Asymmetric => "asymmetric",
            Self::Rebalanced => "rebalanced",
        }
    }

    fn is_symmetric(self) -> bool {
        matches!(self, Self::Symmetric | Self::Exact)
    }
}

/// What is measured of `M*`.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Measurement {
    /// `m` Gaussian matrices.
    #[choice("Gaussian, n = 16")]
    Gaussian,
    /// The limit of many measurements.
    #[choice("population, n = 100")]
    Population,
}

/// What the visitor moves.
#[derive(Clone, Debug, Controls)]
pub struct Settings {
    /// Columns of the factors that gradient descent is given.
    #[control(label = "parameter rank k", range = 2..=10, default = 4)]
    pub parameter_rank: usize,
    /// Rank of the hidden matrix M*. Its eigenvalues are evenly spaced from 1 to 0.7.
    #[control(label = "true rank r", range = 1..=4, default = 2)]
    pub true_rank: usize,
    /// Size of the random start: X and F have entries of variance α²/n, and G is three times smaller.
    #[control(label = "initial scale α", range = 0.05..=1.0, log, default = 0.5)]
    pub alpha: f64,
    /// Which contenders are shown. All of them run.
    #[control(label = "form", default = Set::all(), live)]
    pub form: Set<Form>,
    /// The iteration before which (F, G) is replaced by (βU, GVΣ/β).
    #[control(label = "rebalance time", range = 50..=2000, log, default = 300, unit = "iterations")]
    pub rebalance_time: usize,
    /// Size that the rebalancing gives to every column of F.
    #[control(label = "β", range = 0.1..=2.0, log, default = 1.0)]
    pub beta: f64,
    /// Through what M* is seen: m random matrices, or infinitely many.
    #[control(label = "measurement", default = Measurement::Gaussian)]
    pub measurement: Measurement,
    /// How many Gaussian measurements there are. M* has 256 entries.
    #[control(label = "measurements m", range = 60..=2000, log, default = 600, when = ("measurement", "gaussian"))]
    pub measurements: usize,
    /// Length of a gradient step.
    #[control(label = "step η", range = 0.01..=0.3, log, default = 0.1)]
    pub eta: f64,
}

/// Iterations of the run, and how many of them are one step.
const ITERATIONS: usize = 8000;
const BATCH: usize = 10;
/// The α at which the sweep runs the asymmetric forms once more, and how many of its iterations are one step.
const SWEEP: [f64; 6] = [0.1, 0.2, 0.3, 0.4, 0.6, 1.0];
const SWEEP_BATCH: usize = 20;
/// The starts that count as small: up to here the rate has to grow with α, and rebalancing has to pay.
const SMALL: f64 = 0.4;
/// The squared error that counts as recovered, and the one at which rounding begins to show.
const RECOVERED: f64 = 1e-20;
const FLOOR: f64 = 1e-26;
/// The squared error from which a run is given up.
const DIVERGED: f64 = 1e8;

/// `M*` and what is known of it.
#[derive(Clone)]
struct Problem {
    n: usize,
    target: DMatrix<f64>,
    /// The eigenvectors of `M*`, each times its eigenvalue, and the eigenvectors.
    scaled: DMatrix<f64>,
    vectors: DMatrix<f64>,
    /// `Σ vec(A_i) vec(A_i)ᵀ`, by rows: the matrix of `𝒜*𝒜`. The identity is left out.
    gram: Option<Vec<f64>>,
}

impl Problem {
    fn new(settings: &Settings, rng: &mut Rng) -> Self {
        let n = if settings.measurement == Measurement::Gaussian { 16 } else { 100 };
        let r = settings.true_rank;
        let vectors = orthonormal(n, r, rng);
        let eigenvalue = |i: usize| if r == 1 { 1.0 } else { 1.0 - 0.3 * i as f64 / (r - 1) as f64 };
        let scaled = DMatrix::from_fn(n, r, |row, i| vectors[(row, i)] * eigenvalue(i));
        let target = &scaled * vectors.transpose();
        let gram = (settings.measurement == Measurement::Gaussian).then(|| gram(n * n, settings.measurements, rng));
        Self { n, target, scaled, vectors, gram }
    }
}

/// `Σ a_i a_iᵀ` of `m` Gaussian vectors with entries of variance `1/m`, so that it is the identity on average.
fn gram(size: usize, m: usize, rng: &mut Rng) -> Vec<f64> {
    let deviation = 1.0 / (m as f64).sqrt();
    let mut gram = vec![0.0; size * size];
    for _ in 0..m {
        let a: Vec<f64> = normals(size, rng).iter().map(|x| deviation * x).collect();
        for (row, &factor) in a.iter().enumerate() {
            // The upper triangle; the lower one is its mirror.
            for (g, a) in gram[row * size + row..(row + 1) * size].iter_mut().zip(&a[row..]) {
                *g += factor * a;
            }
        }
    }
    for row in 1..size {
        for column in 0..row {
            gram[row * size + column] = gram[column * size + row];
        }
    }
    gram
}

/// How many runs share one pass over the matrix of `𝒜*𝒜`.
const LANES: usize = 4;

/// `𝒜*𝒜(E)` for four `E` at once. Four rows at a time keep the sums independent of each other, so that they overlap.
fn apply_gram(gram: &[f64], errors: &[[f64; LANES]]) -> Vec<[f64; LANES]> {
    let size = errors.len();
    let mut fields = vec![[0.0; LANES]; size];
    for (rows, fields) in gram.chunks_exact(4 * size).zip(fields.chunks_exact_mut(4)) {
        let (first, rest) = rows.split_at(size);
        let (second, rest) = rest.split_at(size);
        let (third, fourth) = rest.split_at(size);
        let mut sums = [[0.0; LANES]; 4];
        for ((((e, a), b), c), d) in errors.iter().zip(first).zip(second).zip(third).zip(fourth) {
            for lane in 0..LANES {
                sums[0][lane] += a * e[lane];
                sums[1][lane] += b * e[lane];
                sums[2][lane] += c * e[lane];
                sums[3][lane] += d * e[lane];
            }
        }
        fields.copy_from_slice(&sums);
    }
    fields
}

/// Where a run stands.
#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    Running,
    /// Its error is at the rounding floor: nothing is left to see.
    Converged,
    /// Its error grew without bound, seen at this iteration.
    Diverged(usize),
}

/// One gradient descent.
#[derive(Clone)]
struct Descent {
    form: Form,
    alpha: f64,
    /// `F`, or `X` of a symmetric form.
    f: DMatrix<f64>,
    /// `G`, or nothing in a symmetric form.
    g: DMatrix<f64>,
    state: State,
    /// ‖M − M*‖² by iteration.
    error: Series,
    /// The first iteration at which M* counted as recovered.
    recovered: Option<usize>,
}

impl Descent {
    /// `scale` times the given directions; G is three times smaller than F, which makes the imbalance.
    fn new(form: Form, alpha: f64, f: &DMatrix<f64>, g: &DMatrix<f64>) -> Self {
        let g = if form.is_symmetric() { DMatrix::zeros(0, 0) } else { g * (alpha / 3.0) };
        Self { form, alpha, f: f * alpha, g, state: State::Running, error: Series::new(), recovered: None }
    }

    /// `M = X Xᵀ`, or `F Gᵀ`.
    fn product(&self) -> DMatrix<f64> {
        product(&self.f, &if self.form.is_symmetric() { &self.f } else { &self.g }.transpose())
    }

    fn record(&mut self, iteration: usize, squared_error: f64) {
        if squared_error.is_nan() || squared_error > DIVERGED {
            self.state = State::Diverged(iteration);
            return;
        }
        self.error.push(iteration as f64, squared_error.max(f64::MIN_POSITIVE));
        if squared_error <= RECOVERED && self.recovered.is_none() {
            self.recovered = Some(iteration);
        }
        if squared_error <= FLOOR {
            self.state = State::Converged;
        }
    }

    /// `X ← X − η D X` with the symmetric part of `D`; or `F ← F − η D G`, `G ← G − η Dᵀ F`, both from the old factors.
    fn descend(&mut self, eta: f64, d: &DMatrix<f64>) {
        if self.form.is_symmetric() {
            let symmetric = (d + d.transpose()) * 0.5;
            self.f -= (symmetric * &self.f) * eta;
        } else {
            let down = (d * &self.g) * eta;
            self.g -= d.tr_mul(&self.f) * eta;
            self.f -= down;
        }
    }

    /// The same with `D = M − M*`, never formed: `D G = F (GᵀG) − V Λ (VᵀG)`.
    fn descend_population(&mut self, eta: f64, problem: &Problem) {
        let truth = |factor: &DMatrix<f64>| &problem.scaled * problem.vectors.tr_mul(factor);
        if self.form.is_symmetric() {
            let d_x = &self.f * self.f.tr_mul(&self.f) - truth(&self.f);
            self.f -= d_x * eta;
        } else {
            let d_g = &self.f * self.g.tr_mul(&self.g) - truth(&self.g);
            let dt_f = &self.g * self.f.tr_mul(&self.f) - truth(&self.f);
            self.f -= d_g * eta;
            self.g -= dt_f * eta;
        }
    }

    /// With `F = U Σ Vᵀ`: `(F, G) ← (β U, G V Σ / β)`. The product stays; the imbalance `FᵀF − GᵀG` becomes about β².
    fn rebalance(&mut self, beta: f64) {
        let svd = self.f.clone().svd(true, true);
        if let (Some(u), Some(v_t)) = (svd.u, svd.v_t) {
            let mut g = &self.g * v_t.transpose();
            for (mut column, sigma) in g.column_iter_mut().zip(&svd.singular_values) {
                column *= *sigma / beta;
            }
            (self.f, self.g) = (u * beta, g);
        }
    }

    /// The straight line through ln error over the second half of the run: its slope is minus the rate.
    fn log_linear(&self) -> Option<LineFit> {
        let end = self.error.last()?[0];
        let points = self.error.iter().filter(|[t, _]| *t >= 0.5 * end).map(|[t, error]| [t, log(error)]);
        LineFit::through(points.collect::<Vec<_>>())
    }

    /// The straight line through log error against log T from `from` on; if the run had converged by then, over as
    /// long a stretch of log T before it did.
    fn log_log(&self, from: f64) -> Option<LineFit> {
        let end = self.error.last()?[0];
        let from = if self.state == State::Converged { from.min(end * from / ITERATIONS as f64) } else { from };
        let points = self.error.iter().filter(|[t, _]| *t >= from.max(1.0)).map(|[t, error]| [log(t), log(error)]);
        LineFit::through(points.collect::<Vec<_>>())
    }
}

/// One iteration of `runs`, whose errors are recorded if `look`.
fn iterate(runs: &mut [Descent], problem: &Problem, settings: &Settings, iteration: usize, look: bool) {
    for run in runs.iter_mut() {
        if run.form == Form::Rebalanced && iteration == settings.rebalance_time && run.state == State::Running {
            run.rebalance(settings.beta);
        }
    }
    let mut running: Vec<&mut Descent> = runs.iter_mut().filter(|run| run.state == State::Running).collect();
    let Some(gram) = &problem.gram else {
        for run in running {
            if look {
                run.record(iteration, (run.product() - &problem.target).norm_squared());
            }
            run.descend_population(settings.eta, problem);
        }
        return;
    };
    for runs in running.chunks_mut(LANES) {
        let mut errors = vec![[0.0; LANES]; problem.n * problem.n];
        for (lane, run) in runs.iter_mut().enumerate() {
            let error = run.product() - &problem.target;
            errors.iter_mut().zip(error.iter()).for_each(|(e, error)| e[lane] = *error);
            if look {
                run.record(iteration, error.norm_squared());
            }
        }
        let fields = apply_gram(gram, &errors);
        for (lane, run) in runs.iter_mut().enumerate() {
            let d = DMatrix::from_iterator(problem.n, problem.n, fields.iter().map(|field| field[lane]));
            run.descend(settings.eta, &d);
        }
    }
}

/// The singular values of the factors of one run over time.
#[derive(Clone)]
struct Spectra {
    f: Vec<Series>,
    g: Vec<Series>,
}

/// The exhibit.
#[derive(Clone)]
pub struct OverparamSensingCurse {
    settings: Settings,
    problem: Rc<Problem>,
    iteration: usize,
    swept: usize,
    /// One of each form, in the order of [`Form`].
    runs: Vec<Descent>,
    spectra: Vec<Spectra>,
    /// For each α of the sweep, the asymmetric run and the rebalanced one.
    sweep: Vec<Descent>,
}

impl OverparamSensingCurse {
    fn run(&self, form: Form) -> &Descent {
        let same = |run: &&Descent| run.form == form;
        self.runs.iter().find(same).unwrap_or(&self.runs[0])
    }

    fn record_spectra(&mut self) {
        let t = self.iteration as f64;
        for (run, spectra) in self.runs.iter().zip(&mut self.spectra) {
            if run.state != State::Running {
                continue;
            }
            for (factor, series) in [(&run.f, &mut spectra.f), (&run.g, &mut spectra.g)] {
                if series.is_empty() || factor.iter().any(|entry| !entry.is_finite()) {
                    continue;
                }
                for (series, sigma) in series.iter_mut().zip(&factor.singular_values()) {
                    series.push(t, sigma.max(1e-18));
                }
            }
        }
    }

    /// Whether the 8,000 iterations are still under way, and whether the sweep is.
    fn open(&self) -> (bool, bool) {
        (self.iteration < ITERATIONS, self.swept < ITERATIONS)
    }

    /// The asymmetric runs at all values of α at most `most`, with the rebalanced ones beside them.
    fn pairs(&self, most: f64) -> impl Iterator<Item = (&Descent, &Descent)> {
        let shown = (self.run(Form::Asymmetric), self.run(Form::Rebalanced));
        let swept = self.sweep.chunks_exact(2).map(|pair| (&pair[0], &pair[1]));
        std::iter::once(shown).chain(swept).filter(move |pair| pair.0.alpha <= most)
    }
}

/// The rate of the asymmetric run at each α of the sweep; NaN where a run diverged or stood still.
fn rates(sweep: &[Descent], form: Form) -> Vec<[f64; 2]> {
    let of_form = sweep.iter().filter(|run| run.form == form);
    of_form.map(|run| [run.alpha, rate(run).unwrap_or(f64::NAN)]).collect()
}

fn rate(run: &Descent) -> Option<f64> {
    let fit = run.log_linear().filter(|_| !matches!(run.state, State::Diverged(_)))?;
    Some(-fit.slope)
}

impl Exhibit for OverparamSensingCurse {
    const CARD: Card = CARD;
    type Controls = Settings;

    fn new(settings: &Settings, rng: &mut Rng) -> Result<Self> {
        let problem = Problem::new(settings, rng);
        let (n, k, r) = (problem.n, settings.parameter_rank, settings.true_rank);
        let deviation = 1.0 / (n as f64).sqrt();
        let x = normal_matrix(n, k.max(r), rng) * deviation;
        let f = normal_matrix(n, k, rng) * deviation;
        let g = normal_matrix(n, k, rng) * deviation;
        let columns = |count: usize| x.columns(0, count).into_owned();
        let alpha = settings.alpha;
        let runs = vec![
            Descent::new(Form::Symmetric, alpha, &columns(k), &g),
            Descent::new(Form::Exact, alpha, &columns(r), &g),
            Descent::new(Form::Asymmetric, alpha, &f, &g),
            Descent::new(Form::Rebalanced, alpha, &f, &g),
        ];
        let spectra = runs
            .iter()
            .map(|run| Spectra { f: vec![Series::new(); run.f.ncols()], g: vec![Series::new(); run.g.ncols()] });
        let spectra = spectra.collect();
        let pair = |alpha| [Form::Asymmetric, Form::Rebalanced].map(|form| Descent::new(form, alpha, &f, &g));
        let sweep = SWEEP.into_iter().flat_map(pair).collect();
        let settings = settings.clone();
        Ok(Self { settings, problem: Rc::new(problem), iteration: 0, swept: 0, runs, spectra, sweep })
    }

    fn length(&self) -> usize {
        ITERATIONS / BATCH + ITERATIONS / SWEEP_BATCH
    }

    async fn step(&mut self, _: &Compute) -> Progress {
        if self.iteration < ITERATIONS {
            self.record_spectra();
            for _ in 0..BATCH {
                // Every early iteration, for the logarithmic axis, then every tenth.
                let look = self.iteration < 100 || self.iteration.is_multiple_of(BATCH);
                iterate(&mut self.runs, &self.problem, &self.settings, self.iteration, look);
                self.iteration += 1;
            }
        } else {
            for _ in 0..SWEEP_BATCH {
                let look = self.swept.is_multiple_of(BATCH);
                iterate(&mut self.sweep, &self.problem, &self.settings, self.swept, look);
                self.swept += 1;
            }
        }
        Progress::Running
    }

    fn figures(&self, figures: &mut Figures) {
        self.draw_error(figures);
        self.draw_spectra(figures);
        self.draw_matrices(figures);
        self.draw_rates(figures);
    }

    fn claim(&self) -> Claim {
        let (open, sweeping) = self.open();
        let symmetric = self.run(Form::Symmetric);
        let asymmetric = self.run(Form::Asymmetric);
        // A run that ended before there was a line to fit has none: NaN, which no bound admits.
        let fitted =
            |run: &Descent, fit: Option<f64>| (!open || run.state != State::Running).then_some(fit.unwrap_or(f64::NAN));
        let slope = fitted(symmetric, symmetric.log_log(1000.0).map(|fit| fit.slope));
        let line = fitted(asymmetric, asymmetric.log_linear().map(|fit| fit.explained));
        let told = |run: &Descent, text: &str| match run.state {
            State::Diverged(iteration) => format!("{text} But it diverged at iteration {iteration}."),
            _ => text.to_owned(),
        };
        let begun = self.swept > 0;
        let mut rates = rates(&self.sweep, Form::Asymmetric);
        rates.retain(|[alpha, _]| *alpha <= SMALL);
        // NaN, which no bound admits, where one of them did not converge.
        let converging = rates.iter().all(|[_, rate]| *rate > 0.0);
        let growth = rates.windows(2).map(|pair| pair[1][1] / pair[0][1]).fold(f64::INFINITY, f64::min);
        let growth = if converging { growth } else { f64::NAN };
        let share = |(asymmetric, rebalanced): (&Descent, &Descent)| {
            let limit = ITERATIONS as f64;
            match rebalanced.recovered {
                Some(fast) => fast as f64 / asymmetric.recovered.map_or(limit, |slow| slow as f64),
                None => limit / asymmetric.recovered.map_or(limit, |slow| slow as f64),
            }
        };
        let share = self.pairs(SMALL).map(share).fold(0.0, f64::max);
        Claim::new(vec![
            Clause::within(
                told(
                    symmetric,
                    "With k columns the squared error of the symmetric run falls like T to the power {value} up to T = 8000 \
                     (a crawl: {low} to {high}).",
                ),
                slope,
                -2.3,
                -1.7,
            ),
            Clause::at_least(
                told(
                    asymmetric,
                    "The asymmetric run is a straight line on log-linear axes: R² = {value} over its second half, at least \
                     {low}.",
                ),
                line,
                0.98,
            ),
            Clause::at_least(
                if converging || sweeping {
                    "Its rate grows with α: from each of 0.1, 0.2, 0.3, 0.4 to the next by a factor of at least {value} \
                     (more than {low})."
                } else {
                    "Its rate grows with α from 0.1 to 0.4; but here not every one of these runs converges."
                },
                // While the sweep is young, a run may not have begun to converge.
                (begun && (converging || !sweeping)).then_some(growth),
                1.0,
            )
            .pending_while(sweeping),
            Clause::at_most(
                "For every α up to 0.4 the rebalanced run reaches 1e-20 in at most {value} of the iterations that the \
                 asymmetric one takes (bound {high}).",
                begun.then_some(share),
                0.5,
            )
            .pending_while(sweeping),
        ])
    }

    fn retune(&mut self, settings: &Settings) {
        self.settings.form = settings.form.clone();
    }

    fn scenarios() -> Vec<Scenario<Settings>> {
        let default = Settings::default;
        vec![
            Scenario::holds(
                "superfluous-columns",
                "Two columns too many",
                "k = 4 columns for a matrix of rank 2: the symmetric run crawls, the asymmetric one does not, and one rebalancing makes it fast.",
                default(),
            ),
            Scenario::holds(
                "population",
                "Infinitely many measurements",
                "The population limit at n = 100: the same slopes without the noise of the measurements, and closer to -2.",
                Settings { measurement: Measurement::Population, ..default() },
            ),
            Scenario::fails(
                "exact-rank",
                "k = r",
                "Nothing is superfluous: symmetric gradient descent is linear already, and the asymmetric detour buys nothing.",
                Settings { parameter_rank: 2, ..default() },
            ),
            Scenario::fails(
                "few-measurements",
                "Too few measurements",
                "With 60 measurements of 256 entries the map is no near-isometry: the asymmetric runs never recover M*, only the symmetric one with r columns does.",
                Settings { measurements: 60, ..default() },
            ),
        ]
    }
}

impl OverparamSensingCurse {
    fn draw_error(&self, figures: &mut Figures) {
        let mut caption = "Log-log: the symmetric run with k columns is a straight line, a power of T. Switch the horizontal \
                           axis to linear: now the asymmetric runs are the straight ones. The rule marks the rebalancing."
            .to_owned();
        for run in &self.runs {
            if let State::Diverged(iteration) = run.state {
                caption += &format!(" The {} run diverged at iteration {iteration}.", run.form.label());
            }
        }
        let mut figure = figures.figure("error", "How fast the error falls", caption);
        let from_one = Axis::log("iteration T").or(orrery_core::figure::Scale::Linear);
        figure.x(from_one.domain(1.0, ITERATIONS as f64)).y(Axis::log("squared error ‖M − M*‖²"));
        if self.iteration > self.settings.rebalance_time {
            figure.rule_x([self.settings.rebalance_time as f64]).label("rebalancing").dashed();
        }
        for form in self.settings.form.iter() {
            let error = &self.run(form).error;
            // T counts from one, so that the start has its place on a logarithmic axis.
            figure.line(error.xs().map(|t| t + 1.0), error.ys()).of(form.contender());
        }
        let symmetric = self.run(Form::Symmetric);
        if self.settings.form.contains(Form::Symmetric)
            && let Some(fit) = symmetric.log_log(1000.0)
            && let Some([end, _]) = symmetric.error.last().filter(|[end, _]| *end > 1000.0)
        {
            let ends = [1000.0, end];
            let fitted = ends.map(|t| orrery_kernels::math::exp(fit.intercept + fit.slope * log(t)));
            figure.line(ends, fitted).ink(Ink::Accent).label("fitted power of T").dashed();
        }
    }

    fn draw_spectra(&self, figures: &mut Figures) {
        let mut figure = figures.figure(
            "spectra",
            "Singular values of the factors",
            "Solid: the r largest, which carry M*. Dashed: the superfluous ones. In X they fade like a power of T; F keeps \
             them at the size of the start (or of β), and so those of G vanish exponentially.",
        );
        let from_one = Axis::log("iteration T").or(orrery_core::figure::Scale::Linear);
        figure.x(from_one.domain(1.0, ITERATIONS as f64)).y(Axis::log("singular value"));
        for form in self.settings.form.iter() {
            let index = Form::OPTIONS.iter().position(|option| option.0 == form).unwrap_or(0);
            let spectra = &self.spectra[index];
            let names = if form.is_symmetric() { ["X", ""] } else { ["F", "G"] };
            for ((name, factor), faint) in
                names.into_iter().zip([&spectra.f, &spectra.g]).zip([!form.is_symmetric(), false])
            {
                for (i, sigma) in factor.iter().enumerate() {
                    let spurious = i >= self.settings.true_rank;
                    let mark = figure.line(sigma.xs().map(|t| t + 1.0), sigma.ys());
                    mark.of(form.contender()).label(format!("{name} of {}", form.contender()));
                    if spurious {
                        mark.dashed();
                    }
                    if faint {
                        mark.faint();
                    }
                }
            }
        }
    }

    fn draw_matrices(&self, figures: &mut Figures) {
        let shown = self.problem.n.min(32);
        let caption = if shown < self.problem.n {
            "The hidden matrix and what each contender has made of it: the first 32 rows and columns of 100."
        } else {
            "The hidden matrix and what each contender has made of it."
        };
        let mut figure = figures.figure("matrices", "Recovered matrix beside the target", caption);
        let size = shown as f64;
        let panels: Vec<(&str, DMatrix<f64>)> = std::iter::once(("target M*", self.problem.target.clone()))
            .chain(self.settings.form.iter().map(|form| (form.contender(), self.run(form).product())))
            .filter(|(_, matrix)| matrix.iter().all(|entry| entry.is_finite()))
            .collect();
        let pitch = size * 1.125;
        let width = pitch * panels.len() as f64;
        figure
            .x(Axis::linear("column").domain(0.0, width))
            .y(Axis::linear("row").domain(-0.15 * size, size).reversed());
        figure.equal();
        let greatest = self.problem.target.amax();
        for (index, (name, matrix)) in panels.iter().enumerate() {
            let left = pitch * index as f64;
            let rows = (0..shown).flat_map(|row| (0..shown).map(move |column| (row, column)));
            let values: Vec<f64> = rows.map(|at| matrix[at].clamp(-2.0 * greatest, 2.0 * greatest)).collect();
            let grid = Grid { values: &values, columns: shown, x: [left, left + size], y: [0.0, size] };
            figure.raster(grid, Colors::diverging("entry").domain(-greatest, greatest));
            figure.text(&[[left + 0.5 * size, -0.07 * size]], [*name]);
        }
    }

    fn draw_rates(&self, figures: &mut Figures) {
        let mut figure = figures.figure(
            "rates",
            "Rate of convergence against α",
            "Each dot is a run of its own, made after the 8,000 iterations: without rebalancing the rate grows like α², with \
             it α hardly matters. Rings: the runs above.",
        );
        figure.x(Axis::log("initial scale α").domain(0.045, 1.1));
        figure.y(Axis::log("fitted rate").unit("1 / iteration").or(orrery_core::figure::Scale::Linear));
        let chosen = |form: &Form| self.settings.form.contains(*form);
        for form in [Form::Asymmetric, Form::Rebalanced].into_iter().filter(chosen) {
            let positive = |[_, rate]: &[f64; 2]| rate.is_finite() && *rate > 0.0;
            let rates: Vec<[f64; 2]> = rates(&self.sweep, form).into_iter().filter(positive).collect();
            figure.line(rates.iter().map(|p| p[0]), rates.iter().map(|p| p[1])).of(form.contender()).faint();
            figure.dot(rates.iter().map(|p| p[0]), rates.iter().map(|p| p[1])).of(form.contender()).radius(4.0);
            let run = self.run(form);
            if let Some(rate) = rate(run).filter(|rate| *rate > 0.0) {
                let ring = figure.dot([run.alpha], [rate]).of(form.contender());
                ring.symbol(orrery_core::figure::Symbol::Ring).radius(7.0);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Settings {
        Settings { measurements: 90, ..Settings::default() }
    }

    #[test]
    fn one_pass_over_the_gram_matrix_measures_four_matrices() {
        let rng = &mut Rng::seed_from_u64(3);
        let (size, m) = (12, 7);
        let again = &mut rng.clone();
        let gram = gram(size, m, rng);
        let measurements = DMatrix::from_fn(size, m, |_, _| again.sample::<f64, _>(StandardNormal) / (m as f64).sqrt());
        let errors = normal_matrix(size, LANES, again);
        let lanes: Vec<[f64; LANES]> = errors.row_iter().map(|row| std::array::from_fn(|lane| row[lane])).collect();
        let expected = &measurements * (measurements.transpose() * &errors);
        for (row, field) in apply_gram(&gram, &lanes).iter().enumerate() {
            for (lane, value) in field.iter().enumerate() {
                assert!((value - expected[(row, lane)]).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn rebalancing_keeps_the_product_and_sets_the_imbalance() {
        let rng = &mut Rng::seed_from_u64(5);
        let (f, g) = (normal_matrix(16, 4, rng) * 0.3, normal_matrix(16, 4, rng) * 0.3);
        let mut run = Descent::new(Form::Rebalanced, 0.7, &f, &g);
        let before = run.product();
        run.rebalance(1.3);
        assert!((run.product() - before).amax() < 1e-14);
        assert!((run.f.tr_mul(&run.f) - DMatrix::identity(4, 4) * (1.3 * 1.3)).amax() < 1e-13);
    }

    /// In both parametrisations a step goes down ½‖𝒜(M − M*)‖² along its gradient, which finite differences show.
    #[test]
    fn a_step_follows_the_gradient() {
        let rng = &mut Rng::seed_from_u64(9);
        let problem = Problem::new(&settings(), rng);
        let (f, g) = (normal_matrix(16, 4, rng) * 0.3, normal_matrix(16, 4, rng) * 0.3);
        let field = |run: &Descent| {
            let error = run.product() - &problem.target;
            let lanes: Vec<[f64; LANES]> = error.iter().map(|e| [*e, 0.0, 0.0, 0.0]).collect();
            let d = apply_gram(problem.gram.as_ref().unwrap(), &lanes);
            let d = DMatrix::from_iterator(16, 16, d.iter().map(|d| d[0]));
            (0.5 * error.dot(&d), d)
        };
        for form in [Form::Symmetric, Form::Asymmetric] {
            let run = Descent::new(form, 1.0, &f, &g);
            let (loss, d) = field(&run);
            let (mut stepped, eta) = (run.clone(), 1e-7);
            stepped.descend(eta, &d);
            // The loss falls by η times the squared gradient; the symmetric step is half of its gradient.
            let squares = |a: &DMatrix<f64>, b: &DMatrix<f64>| (a - b).norm_squared() / (eta * eta);
            let size = if form.is_symmetric() {
                2.0 * squares(&stepped.f, &run.f)
            } else {
                squares(&stepped.f, &run.f) + squares(&stepped.g, &run.g)
            };
            assert!(((loss - field(&stepped).0) / eta / size - 1.0).abs() < 1e-4);
        }
    }

    #[test]
    fn the_population_step_is_the_one_with_d_formed() {
        let rng = &mut Rng::seed_from_u64(11);
        let settings = Settings { measurement: Measurement::Population, ..settings() };
        let problem = Problem::new(&settings, rng);
        let (f, g) = (normal_matrix(100, 3, rng) * 0.1, normal_matrix(100, 3, rng) * 0.1);
        for form in [Form::Symmetric, Form::Asymmetric] {
            let (mut implicit, mut formed) = (Descent::new(form, 1.0, &f, &g), Descent::new(form, 1.0, &f, &g));
            implicit.descend_population(0.1, &problem);
            formed.descend(0.1, &(formed.product() - &problem.target));
            assert!((implicit.product() - formed.product()).amax() < 1e-14);
        }
    }
}
