//! An optimizer is a short program: given weights $w$, gradient $g$ and what it remembers, it says how far to move. So it
//! can be searched for. Chen and colleagues start from AdamW, mutate statements, keep what trains a tiny network best, and
//! are left with **Lion**:
//! $$c_t=\beta_1m_{t-1}+(1-\beta_1)g_t,$$
//! $$\theta_t=\theta_{t-1}-\eta_t(\operatorname{sign}c_t+\lambda\theta_{t-1}),$$
//! $$m_t=\beta_2m_{t-1}+(1-\beta_2)g_t.$$
//!
//! **Discover** runs such a search five times. A program is a list of assignments to ten registers. Of eight random
//! members of the population the fittest becomes the parent; a statement is inserted, deleted or modified; the oldest
//! member dies. Dead statements are pruned, and programs that give the same updates on a fixed input share one score.
//! Halfway the population starts again from the best. *Random search* pays for as many programs, each up to eight
//! mutations from AdamW, without selection. Then comes the funnel: finalists, AdamW and Lion train a larger network at
//! five rates each, and the winner is stripped of every statement that it can do without.
//!
//! AdamW begins at the best of nine rates, so evolution wins more than a tuned rate; but constants that suit a run of
//! forty steps may not suit a longer one. Of five seeds one had no finalist that beat AdamW in the funnel; in the others
//! the best was 14 to 23% below it. With twenty programs a search, selection wins or loses by luck.
//!
//! **Race** trains Lion, AdamW, SGD and signSGD (Lion without memory) over eight rates, the first two at three decays.
//! **Try** editing the program: delete the line with `sign`, or take the sign of `g`. Functions are `sign sqrt square abs
//! interp clip norm dot` and `+ - * /`; `interp(x, y, a)` is $(1-a)x+ay$, and a quotient by zero is zero.
//!
//! **Where it stops:** on the digits Lion's advantage over AdamW, said to grow with the batch, does not appear. At batch
//! 128 its best loss was 1.16 to 1.93 times AdamW's over five seeds, at batch 16 between 0.73 and 1.25 times. The paper's
//! networks are larger by many orders; here 1,210 weights have two hundred steps. What does hold at batch 128 is Lion's
//! smaller rate: a third or a tenth of AdamW's. The transformer comes near: a third of the rate, and 1.014 to 1.022 times
//! the loss.
//!
//! Scaled down: 340 weights in the proxy, hundreds of programs a search. Vectors and numbers mix freely, so there are no
//! shapes to infer.

mod program;
mod race;
mod search;

use orrery_core::prelude::*;
use orrery_kernels::math::log10;
use program::{ADAMW, LION, Program, Statement};
use race::{Choices, GRID, Race};
use search::{Search, Task, WORST};
use std::rc::Rc;

const CARD: Card = Card {
    slug: "lion-symbolic-discovery",
    title: "Symbolic Discovery of Optimization Algorithms",
    year: 2023,
    lists: &[1],
    claim: "Evolving programs from AdamW finds better update rules than chance does; one found so is Lion.",
    algorithms: &[
        "Lion",
        "AdamW",
        "SGD with momentum",
        "signSGD",
        "regularised evolution",
        "program search",
        "random search",
        "symbolic regression of optimizers",
        "AutoML",
    ],
    contenders: &[
        Contender::paper("evolution", "evolution"),
        Contender::paper("lion", "Lion"),
        Contender::baseline("adamw", "AdamW"),
        Contender::baseline("random", "random search"),
        Contender::baseline("sgd", "SGD with momentum"),
        Contender::baseline("signsgd", "signSGD"),
        Contender::baseline("yours", "your program"),
    ],
};

/// Which half of the paper.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Mode {
    /// Searching for update rules.
    #[choice("discover")]
    Discover,
    /// Racing the one that was found.
    #[choice("race")]
    Race,
}

/// What is learnt in the race.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Lesson {
    /// The ten digits, by a linear model.
    #[choice("digits, logistic regression")]
    Logistic,
    /// The ten digits, by a network.
    #[choice("digits, MLP")]
    Mlp,
    /// The next character of a story.
    #[choice("characters, tiny transformer")]
    Transformer,
}

/// What the visitor moves.
#[derive(Clone, Debug, Controls)]
pub struct Setting {
    /// Search for an update rule, or race the one that was found.
    #[control(label = "mode", default = Mode::Discover)]
    pub mode: Mode,
    /// Programs that evolution may score, in five searches together; random search may score as many.
    #[control(label = "evolution budget", range = 100..=10_000, log, default = 2000, when = ("mode", "discover"))]
    pub budget: usize,
    /// What they learn.
    #[control(label = "task", default = Lesson::Mlp, when = ("mode", "race"))]
    pub task: Lesson,
    /// Examples in a gradient; an eighth as many sequences for the transformer.
    #[control(label = "batch size", range = 8..=512, log, default = 128, when = ("mode", "race"))]
    pub batch: usize,
    /// How much of Lion's step is old momentum.
    #[control(label = "β₁", range = 0.0..=0.999, default = 0.9, when = ("mode", "race"))]
    pub beta1: f64,
    /// How long Lion's momentum remembers.
    #[control(label = "β₂", range = 0.0..=0.999, default = 0.99, when = ("mode", "race"))]
    pub beta2: f64,
    /// The weight decay; the grid has a tenth and ten times of it too.
    #[control(label = "weight decay λ", range = 1e-3..=3.0, log, default = 0.3, when = ("mode", "race"))]
    pub decay: f64,
    /// The rate at which your program runs; the others are shown at the best of the grid.
    #[control(label = "your learning rate", range = 1e-5..=1.0, log, default = 0.01, when = ("mode", "race"))]
    pub rate: f64,
    /// Your update rule, one assignment a line. Given are w, g and lr; m and v are kept from step to step; a, b, c and d
    /// are for what is between; w moves by minus update.
    #[control(label = "program", longest = 1000, default = LION.into(), when = ("mode", "race"))]
    pub program: Text,
}

/// How many searches there are of each kind.
const SEARCHES: usize = 5;

/// Factors on AdamW's proxy rate, at which the finalists run on the larger task.
const FUNNEL: [f64; 5] = [0.1, 1.0 / 3.0, 1.0, 3.0, 10.0];

/// A statement may go if the loss on the larger task rises by no more than this share.
const TOLERANCE: f64 = 1e-3;

struct Tasks {
    proxy: Task,
    larger: Task,
    /// AdamW's best on the proxy.
    rate: f64,
    /// Programs that each search may score.
    share: usize,
}

/// A program in the funnel.
#[derive(Clone)]
struct Finalist {
    contender: &'static str,
    program: Program,
    proxy: f64,
    /// Its best rate so far on the larger task, and its loss there.
    larger: Option<[f64; 2]>,
}

#[derive(Clone)]
struct Discovery {
    tasks: Rc<Tasks>,
    evolution: Vec<Search>,
    random: Vec<Search>,
    finalists: Vec<Finalist>,
    /// Runs of the funnel that are done.
    tried: usize,
    winner: Option<Stripped>,
}

/// The winner without the statements it does not need.
#[derive(Clone)]
struct Stripped {
    whole: Program,
    /// Which statements are left, and the next to be tried.
    kept: Vec<bool>,
    next: usize,
    rate: f64,
    loss: f64,
}

impl Stripped {
    fn left(&self) -> Program {
        Program(self.whole.0.iter().zip(&self.kept).filter(|(_, kept)| **kept).map(|(s, _)| *s).collect())
    }
}

impl Discovery {
    fn new(budget: usize, rng: &mut Rng) -> Result<Self> {
        let (proxy, larger) = (Task::proxy(rng), Task::larger(rng));
        let [adamw, lion] = [Program::parse(ADAMW)?, Program::parse(LION)?];
        let [rate, score] = proxy.tuned(&adamw, &search::rates());
        let known = [("adamw", adamw, score), ("lion", lion.clone(), proxy.tuned(&lion, &search::rates())[1])];
        let finalist = |(contender, program, proxy)| Finalist { contender, program, proxy, larger: None };
        let mut begin = |evolves| {
            let fresh = |_| Search::new(&proxy, rate, evolves, Rng::seed_from_u64(rng.random::<u64>()));
            (0..SEARCHES).map(fresh).collect::<Result<Vec<Search>>>()
        };
        let (evolution, random) = (begin(true)?, begin(false)?);
        let tasks = Tasks { proxy, larger, rate, share: budget / SEARCHES };
        let finalists = known.into_iter().map(finalist).collect();
        Ok(Self { tasks: Rc::new(tasks), evolution, random, finalists, tried: 0, winner: None })
    }

    /// Whether the searches go on.
    fn searching(&self) -> bool {
        self.turns() < self.tasks.share
    }

    /// How many programs each search was asked to score. One that finds nothing new scores fewer.
    fn turns(&self) -> usize {
        self.evolution[0].turns
    }

    fn length(&self) -> usize {
        let finalists = 2 + SEARCHES * search::FINALISTS;
        self.tasks.share + finalists * FUNNEL.len() + program::LONGEST + 2
    }

    /// One more program in every search, or one more run of what comes after. Whether there is more to do.
    fn advance(&mut self) -> bool {
        let tasks = Rc::clone(&self.tasks);
        if self.searching() {
            for search in self.evolution.iter_mut().chain(&mut self.random) {
                search.evaluate(&tasks.proxy, tasks.rate);
                if search.turns == tasks.share / 2 {
                    search.restart();
                }
            }
            if !self.searching() {
                self.select();
            }
            return true;
        }
        if let Some(finalist) = self.finalists.get_mut(self.tried / FUNNEL.len()) {
            let rate = tasks.rate * FUNNEL[self.tried % FUNNEL.len()];
            let loss = tasks.larger.score(&finalist.program, rate);
            if finalist.larger.is_none_or(|best| loss < best[1]) {
                finalist.larger = Some([rate, loss]);
            }
            self.tried += 1;
            return true;
        }
        let Some(winner) = &mut self.winner else {
            let first = self.best().and_then(|best| Some((best.program.pruned(), best.larger?)));
            self.winner = first.map(|(whole, [rate, loss])| {
                let kept = vec![true; whole.0.len()];
                Stripped { next: kept.len(), whole, kept, rate, loss }
            });
            return self.winner.is_some();
        };
        // From the last statement to the first: what does not change the result goes.
        let Some(place) = winner.next.checked_sub(1) else { return false };
        winner.next = place;
        winner.kept[place] = false;
        if tasks.larger.score(&winner.left(), winner.rate) > winner.loss * (1.0 + TOLERANCE) {
            winner.kept[place] = true;
        }
        place > 0
    }

    /// The best of each search enter the funnel.
    fn select(&mut self) {
        for (proxy, program) in self.evolution.iter().flat_map(|search| &search.best) {
            let (program, proxy) = (program.clone(), *proxy);
            self.finalists.push(Finalist { contender: "evolution", program, proxy, larger: None });
        }
    }

    /// The evolved program that is best on the larger task.
    fn best(&self) -> Option<&Finalist> {
        let evolved = self.finalists.iter().filter(|f| f.contender == "evolution" && f.larger.is_some());
        let loss = |f: &Finalist| f.larger.map_or(WORST, |larger| larger[1]);
        evolved.reduce(|best, other| if loss(other) < loss(best) { other } else { best })
    }

    /// How many searches by evolution beat the random one beside them.
    fn beaten(&self) -> usize {
        self.evolution.iter().zip(&self.random).filter(|(ours, theirs)| ours.best[0].0 < theirs.best[0].0).count()
    }

    fn figures(&self, figures: &mut Figures) {
        let repeats: usize = self.evolution.iter().map(|search| search.repeats).sum();
        let caption = format!(
            "The best score so far of five searches of each kind, all from AdamW. Evolution's {repeats} children that did \
             what another had done cost it nothing."
        );
        let mut fitness = figures.figure("fitness", "Selection against chance", caption);
        let end = (self.tasks.share + 1) as f64;
        fitness.x(Axis::linear("programs scored").domain(1.0, end).or(Scale::Log)).y(Axis::log("proxy loss"));
        for (id, searches) in [("random", &self.random), ("evolution", &self.evolution)] {
            for search in searches {
                fitness.line(search.record.xs(), search.record.ys()).of(id);
            }
        }
        fitness.rule_y([self.finalists[0].proxy]).of("adamw").dashed();

        let caption = if self.searching() {
            "When the searches have ended: each finalist's loss on the proxy, and on a larger network for four times as \
             many steps, at the best of five rates."
        } else {
            "Each finalist's loss on the proxy, and on a larger network for four times as many steps, at the best of five \
             rates. To the left: better on the proxy. Below: better where it counts."
        };
        let mut funnel = figures.figure("funnel", "What survives the larger task", caption);
        funnel.x(Axis::log("proxy loss")).y(Axis::log("loss on the larger task"));
        for id in ["evolution", "lion", "adamw"] {
            let found = self.finalists.iter().filter(|f| f.contender == id);
            let dots: Vec<[f64; 2]> = found.filter_map(|f| f.larger.map(|larger| [f.proxy, larger[1]])).collect();
            funnel.dot(dots.iter().map(|p| p[0]), dots.iter().map(|p| p[1])).of(id).radius(4.0);
        }

        let (program, parts, caption) = match &self.winner {
            Some(winner) => {
                let name = |kept: &bool| if *kept { "needed" } else { "not needed" };
                let parts: Vec<&str> = winner.kept.iter().map(name).collect();
                let left = parts.iter().filter(|part| **part == "needed").count();
                let caption = if winner.next > 0 {
                    "The winner of the funnel. Its live statements are taken out one by one, from the last to the first, \
                     to see which of them are needed."
                        .to_owned()
                } else if left == parts.len() {
                    "The winner of the funnel. All its live statements are needed: without any of them the loss on the \
                     larger task rises by more than a thousandth."
                        .to_owned()
                } else {
                    format!(
                        "The winner of the funnel. {left} of its {} live statements are needed: without the others, the \
                         loss on the larger task rises by no more than a thousandth.",
                        parts.len()
                    )
                };
                (&winner.whole, parts, caption)
            }
            None => {
                let best = self.evolution.iter().map(|search| &search.best[0]);
                let best = best.reduce(|best, other| if other.0 < best.0 { other } else { best });
                let program = best.map_or(&self.finalists[0].program, |best| &best.1);
                let caption = "The best program so far. A dead statement has no part in any update.".to_owned();
                (program, program.live().iter().map(|live| if *live { "live" } else { "dead" }).collect(), caption)
            }
        };
        let figure = &mut figures.figure("program", "The best program", caption);
        figure.table().words("statement", program.0.iter().map(Statement::text)).words("part", parts);
    }

    fn claim(&self) -> Claim {
        let searching = self.searching();
        Claim::new(vec![
            Clause::at_least(
                "Evolution ends with a lower proxy loss than random search in {value} of five searches, at least {low}.",
                Some(self.beaten() as f64),
                4.0,
            )
            .pending_while(searching),
        ])
    }
}

impl Race {
    fn figures(&self, figures: &mut Figures) {
        let caption = "The loss on held-out data, each at the best rate and decay that the grid has shown so far; your \
                       program at the rate that you gave it.";
        let mut loss = figures.figure("loss", "The best of each", caption);
        loss.x(Axis::linear("training step").domain(0.0, self.fixed.steps as f64)).y(Axis::log("held-out loss"));
        let yours = self.own.iter().map(|run| ("yours", run));
        let best = self.best.iter().zip(GRID).filter_map(|(run, id)| run.as_ref().map(|run| (id, run)));
        for (id, run) in best.collect::<Vec<_>>().into_iter().rev().chain(yours) {
            let line = loss.line(run.curve.xs(), run.curve.ys().map(|loss| loss.max(1e-6))).of(id);
            if id == "yours" {
                line.dashed();
            }
        }

        let caption = "The held-out loss at the end of a run, at the best decay for each rate. Lion's valley is to lie at \
                       smaller rates than AdamW's.";
        let mut rates = figures.figure("rates", "How far to step", caption);
        let grid = &self.grids[0].rates;
        rates.x(Axis::log("learning rate").domain(grid[0], grid[grid.len() - 1])).y(Axis::log("final held-out loss"));
        for (who, id) in GRID.iter().enumerate().rev() {
            let runs = self.profile(who);
            rates.line(runs.iter().map(|run| run[0]), runs.iter().map(|run| run[1].max(1e-6))).of(id);
            if let Some(run) = &self.best[who] {
                rates.dot([run.rate], [run.loss.unwrap_or(WORST).max(1e-6)]).of(id).radius(4.0);
            }
        }

        for (who, figure, title) in [(0, "map-lion", "Lion's grid"), (1, "map-adamw", "AdamW's grid")] {
            let caption = "The final held-out loss over rate and decay; runs to come, and those that do worse than no \
                           training, have the loss of the start.";
            let mut map = figures.figure(figure, title, caption);
            let half = 0.5 * log10(grid[1] / grid[0]);
            let x = [log10(grid[0]) - half, log10(grid[grid.len() - 1]) + half];
            let y = [log10(self.fixed.decays[0]) - 0.5, log10(self.fixed.decays[2]) + 0.5];
            map.x(Axis::linear("log₁₀ of the learning rate").domain(x[0], x[1]));
            map.y(Axis::linear("log₁₀ of the decay").domain(y[0], y[1]));
            let values: Vec<f64> = self.cells(who).iter().map(|loss| loss.max(1e-6)).collect();
            map.raster(Grid { values: &values, columns: grid.len(), x, y }, Colors::sequential("held-out loss").log());
            if let Some(run) = &self.best[who] {
                map.dot([log10(run.rate)], [log10(run.decay)]).of(GRID[who]).symbol(Symbol::Ring).radius(6.0);
            }
        }

        let program = &self.fixed.program;
        let caption = "What runs. A dead statement has no part in any update, now or later.";
        let figure = &mut figures.figure("program", "Your program", caption);
        let parts = program.live().into_iter().map(|live| if live { "live" } else { "dead" });
        figure.table().words("statement", program.0.iter().map(Statement::text)).words("part", parts);
    }

    fn claim(&self) -> Claim {
        let both = |f: fn(&race::Run) -> f64| {
            let [lion, adamw] = [0, 1].map(|who| self.best[who].as_ref().map(f));
            lion.zip(adamw).map(|(lion, adamw)| lion / adamw)
        };
        let open = !self.is_over();
        Claim::new(vec![
            Clause::at_most(
                "Lion's best held-out loss is {value} of AdamW's, at most {high}.",
                both(|run| run.loss.unwrap_or(WORST)),
                1.02,
            )
            .pending_while(open),
            Clause::at_most(
                "Lion's best learning rate is {value} of AdamW's, at most {high}.",
                both(|run| run.rate),
                1.0 / 3.0,
            )
            .pending_while(open),
        ])
    }
}

#[derive(Clone)]
enum Half {
    Discovery(Box<Discovery>),
    Race(Box<Race>),
}

/// The exhibit.
#[derive(Clone)]
pub struct LionDiscovery {
    half: Half,
}

impl Exhibit for LionDiscovery {
    const CARD: Card = CARD;
    type Controls = Setting;

    fn new(setting: &Setting, rng: &mut Rng) -> Result<Self> {
        if setting.mode == Mode::Discover {
            return Ok(Self { half: Half::Discovery(Box::new(Discovery::new(setting.budget, rng)?)) });
        }
        let task = match setting.task {
            Lesson::Logistic => race::Task::digits(&[], rng),
            Lesson::Mlp => race::Task::digits(&[16], rng),
            Lesson::Transformer => race::Task::characters(),
        };
        let choices = Choices {
            batch: setting.batch,
            beta: [setting.beta1, setting.beta2],
            decay: setting.decay,
            rate: setting.rate,
            program: Program::parse(&setting.program.0)?,
        };
        Ok(Self { half: Half::Race(Box::new(Race::new(task, choices, rng))) })
    }

    fn length(&self) -> usize {
        match &self.half {
            Half::Discovery(discovery) => discovery.length(),
            Half::Race(race) => race.length(),
        }
    }

    async fn step(&mut self, _: &Compute) -> Progress {
        let more = match &mut self.half {
            Half::Discovery(discovery) => discovery.advance(),
            Half::Race(race) => {
                race.advance();
                !race.is_over()
            }
        };
        if more { Progress::Running } else { Progress::Done }
    }

    fn figures(&self, figures: &mut Figures) {
        match &self.half {
            Half::Discovery(discovery) => discovery.figures(figures),
            Half::Race(race) => race.figures(figures),
        }
    }

    fn claim(&self) -> Claim {
        match &self.half {
            Half::Discovery(discovery) => discovery.claim(),
            Half::Race(race) => race.claim(),
        }
    }

    fn scenarios() -> Vec<Scenario<Setting>> {
        let default = Setting::default();
        let race = Setting { mode: Mode::Race, ..default.clone() };
        vec![
            Scenario::holds(
                "default",
                "Five searches",
                "Selection finds what as many mutations without it do not; no search ends worse than AdamW.",
                default.clone(),
            ),
            Scenario::fails(
                "race",
                "The race on digits",
                "Lion's best rate is the smaller, but on a small network with clean data AdamW ends lower.",
                race,
            ),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_never_forgets_its_best_and_scores_no_behaviour_twice() {
        let mut rng = Rng::seed_from_u64(3);
        let mut discovery = Discovery::new(200, &mut rng).unwrap();
        while discovery.searching() {
            discovery.advance();
        }
        for search in discovery.evolution.iter().chain(&discovery.random) {
            let record: Vec<f64> = search.record.ys().collect();
            assert!(record.windows(2).all(|pair| pair[1] <= pair[0]));
            assert!(search.best.windows(2).all(|pair| pair[0].0 <= pair[1].0));
            let prints: Vec<_> = search.best.iter().map(|(_, program)| program.fingerprint()).collect();
            assert!(prints.windows(2).all(|pair| pair[0] != pair[1]));
            // The score is the program's, and a dead statement does not count.
            let (score, program) = &search.best[0];
            assert_eq!(*score, discovery.tasks.proxy.score(&program.pruned(), discovery.tasks.rate));
        }
    }

    #[test]
    fn what_is_not_needed_is_stripped_and_what_is_needed_stays() {
        let mut rng = Rng::seed_from_u64(4);
        let mut discovery = Discovery::new(100, &mut rng).unwrap();
        while discovery.advance() {}
        let winner = discovery.winner.as_ref().unwrap();
        assert_eq!(winner.next, 0);
        let (left, larger) = (winner.left(), &discovery.tasks.larger);
        assert!(larger.score(&left, winner.rate) <= winner.loss * (1.0 + TOLERANCE));
        // Without any one of the others it would do worse, or be no program at all.
        assert!(left.0.len() <= winner.whole.0.len() && !left.0.is_empty());
        assert!(larger.score(&Program::default(), winner.rate) > winner.loss);
    }
}
