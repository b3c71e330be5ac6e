//! A workflow is a program with parameters $\theta$: gains, constants, prompts. Usually its optimiser is told a score.
//! The paper hands it the execution trace as well. At each run the *Trace oracle* returns $(f,g)$: a feedback $f$ on
//! the output, and the graph $g$ of all operations that made it. One backward sweep serves every kind of message.
//! Cotangents that are added make it automatic differentiation. Sets of nodes that are united make it the *minimal
//! subgraph*: what lies between parameters and output. Written out as code, with values and feedback, it is the prompt
//! of the paper's optimiser OptoPrime, a language model.
//!
//! **No language model runs here.** In its place stands a reader of our own making, which is not the paper's: it takes
//! the desired output back through the recorded operations, inverting one after the other, and falls back on secants
//! where a parameter is used more than once. So nothing here measures how well a language model optimises. You may be
//! the optimiser too, or paste what a chat model answers to the prompt.
//!
//! **You see** random graphs solved at the second evaluation, where Nelder and Mead's simplex takes some forty. Beware
//! of that comparison: with one use of $x$ the output is a straight line in $x$, and *the same reader with the trace
//! hidden*, a secant, needs but three. What the trace is worth lies between these two; the last clause of the claim
//! measures it.
//!
//! **Try** the buggy program: each constant is asked what it would have to be on each of four inputs, and only the
//! wrong one gives the same answer four times. Curve the operations: the trace still needs two evaluations, the secant
//! seven. Use $x$ four times, or put an opaque operation in the middle: now the reader is a secant itself and seeing
//! the graph gains nothing, though it takes only a fifth (with the opaque operation an eighth) of the
//! simplex's evaluations. Tell the score only: the
//! trace shows the output, so there are just two targets that it could mean.
//!
//! **Where it stops.** The paper's feedback says *larger* or *smaller*; ours also says by how much. Adam's steps have
//! the size of its rate, here 0.1, so it does not settle within $10^{-6}$. An opaque operation stops the gradient,
//! which has no rule for it, but not the minimal subgraph.

mod prompt;
mod reader;
mod search;
#[cfg(test)]
mod tests;
mod trace;
mod workflow;

use crate::curves::Curves;
use orrery_core::numerals::powers_of_ten;
use orrery_core::prelude::*;
use orrery_kernels::optim::{Adam, Optimizer};
use orrery_kernels::random::normals;
use prompt::{prompt, read_reply, read_values, shown};
use reader::{Reader, slope};
use search::{NelderMead, Pattern};
use std::collections::BTreeSet;
use std::rc::Rc;
use trace::{
    GradientPropagator, MinimalSubgraphPropagator, Op, Trace, cotangents, minimal_subgraph, reverse_mode, sweep,
};
use workflow::{Seen, Shape, Task, Workflow};

const CARD: Card = Card {
    slug: "trace-opto",
    title: "Trace is the New AutoDiff -- Unlocking Efficient Optimization of Computational Workflows",
    year: 2024,
    lists: &[1],
    claim: "An optimiser that sees how the output came about needs far fewer runs than one that sees a score.",
    algorithms: &[
        "execution trace",
        "Trace oracle (OPTO)",
        "minimal subgraph propagator",
        "OptoPrime prompt",
        "reverse-mode differentiation",
        "Nelder-Mead simplex",
        "Hooke-Jeeves pattern search",
        "Broyden's secant method",
    ],
    contenders: &[
        Contender::paper("reader", "trace reader (stand-in)"),
        Contender::baseline("hidden", "the same, trace hidden"),
        Contender::baseline("adam", "Adam on the gradient"),
        Contender::baseline("simplex", "Nelder-Mead"),
        Contender::baseline("pattern", "pattern search"),
        Contender::baseline("random", "random search"),
    ],
};

const IDS: [&str; 6] = ["reader", "hidden", "adam", "simplex", "pattern", "random"];

/// What is said of the output.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Feedback {
    /// $|y-y^*|$.
    #[choice("score only")]
    Score,
    /// And whether the output should be larger or smaller.
    #[choice("signed message")]
    Signed,
    /// And the score's derivatives by the parameters.
    #[choice("gradient")]
    Gradient,
}

/// Whose run is shown.
#[derive(Clone, Copy, Debug, PartialEq, Choice)]
pub enum Shown {
    /// The stand-in for the language model.
    #[choice("trace reader")]
    TraceReader,
    /// Adam, by the gradient propagator.
    #[choice("Adam")]
    Adam,
    /// The simplex method.
    #[choice("Nelder-Mead")]
    NelderMead,
    /// Normal draws about the start.
    #[choice("random search")]
    RandomSearch,
    /// Your own values.
    #[choice("you")]
    You,
    /// What a chat model answers to the prompt.
    #[choice("paste an LLM reply")]
    Reply,
}

/// What the visitor moves.
#[derive(Clone, Debug, Controls)]
pub struct Setting {
    /// What is run and optimised.
    #[control(label = "workflow", default = Workflow::Arithmetic)]
    pub workflow: Workflow,
    /// Operations in the arithmetic graph.
    #[control(label = "number of ops", range = 2..=30, default = 10, when = ("workflow", "arithmetic"))]
    pub ops: usize,
    /// How often the graph uses x. Beyond once, no operation can be inverted on its own.
    #[control(label = "parameter reuse", range = 1..=4, default = 1, when = ("workflow", "arithmetic"))]
    pub reuse: usize,
    /// Makes a third of the operations inverse hyperbolic sines.
    #[control(label = "curved operations", default = false, when = ("workflow", "arithmetic"))]
    pub curved: bool,
    /// Puts one operation in the middle whose inside the trace does not show.
    #[control(label = "opaque op in the middle", default = false, when = ("workflow", "arithmetic"))]
    pub opaque: bool,
    /// What the reader is told of the output, beside the trace.
    #[control(label = "feedback", default = Feedback::Signed)]
    pub feedback: Feedback,
    /// Lets the reader see the execution trace.
    #[control(label = "reveal trace", default = true)]
    pub reveal: bool,
    /// Whose run the graph and the prompt show.
    #[control(label = "optimiser", default = Shown::TraceReader, live)]
    pub optimiser: Shown,
    /// Which of the thirty tasks is shown.
    #[control(label = "task shown", range = 1..=30, default = 1, live)]
    pub task: usize,
    /// Your values, one run after the other: numbers for x; kp, kd, kb or c1 to c5 with a semicolon between runs.
    #[control(label = "your values", default = Text::default(), longest = 2000, when = ("optimiser", "you"))]
    pub values: Text,
    /// The reply of a chat model to the prompt; its "suggestion" is run.
    #[control(label = "reply", default = Text::default(), when = ("optimiser", "reply"))]
    pub reply: Text,
}

/// How each contender goes on.
#[derive(Clone)]
enum Method {
    Reader(Reader),
    Adam(Adam),
    Simplex(NelderMead),
    Pattern(Pattern),
    Random,
}

/// A contender on one task.
#[derive(Clone)]
struct Lane {
    method: Method,
    rng: Rng,
    seen: Option<Rc<Seen>>,
    /// The run that its latest proposal came from.
    before: Option<Rc<Seen>>,
    best: f64,
    evaluations: usize,
    reached: Option<usize>,
    /// The best so far, for the task that is shown.
    curve: Vec<f64>,
}

impl Lane {
    fn new(method: Method, rng: Rng) -> Self {
        Self {
            method,
            rng,
            seen: None,
            before: None,
            best: f64::INFINITY,
            evaluations: 0,
            reached: None,
            curve: Vec::new(),
        }
    }

    /// One evaluation; nothing more once the goal is reached.
    fn advance(&mut self, task: &Task) {
        if self.reached.is_none() {
            let theta = match &self.seen {
                None => task.start.clone(),
                Some(seen) => self.method.next(seen, task, &mut self.rng),
            };
            let seen = task.evaluate(&theta);
            self.evaluations += 1;
            self.best = self.best.min(seen.score);
            if self.best <= GOAL {
                self.reached = Some(self.evaluations);
            }
            self.before = self.seen.replace(Rc::new(seen));
        }
        self.curve.push(self.best.max(FLOOR));
    }
}

impl Method {
    fn next(&mut self, seen: &Seen, task: &Task, rng: &mut Rng) -> Vec<f64> {
        let theta = seen.theta.as_slice();
        match self {
            Self::Reader(reader) => reader.next(seen, rng),
            Self::Simplex(simplex) => simplex.next(theta, seen.score),
            Self::Pattern(pattern) => pattern.next(theta, seen.score),
            Self::Random => task.start.iter().zip(normals(theta.len(), rng)).map(|(x, z)| x + 3.0 * z).collect(),
            Self::Adam(adam) => {
                let (mut next, g) = (seen.theta.clone(), slope(seen));
                if g.iter().all(|g| g.is_finite()) {
                    adam.step(&mut next, &g);
                }
                next
            }
        }
    }
}

/// Evaluations that each has on each task, how many tasks there are, and what counts as solved.
const BUDGET: usize = 100;
const TASKS: usize = 30;
const GOAL: f64 = 1e-6;
const FLOOR: f64 = 1e-12;

/// The rate of Adam.
const RATE: f64 = 0.1;

/// The exhibit.
#[derive(Clone)]
pub struct TraceOpto {
    setting: Setting,
    tasks: Rc<Vec<Task>>,
    /// By task, then by contender.
    lanes: Vec<Lane>,
    t: usize,
    medians: Curves,
    /// The greatest difference of a message from reverse mode, relatively, and the greatest of two node sets.
    off: [f64; 2],
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let half = values.len() / 2;
    0.5 * (values[(values.len() - 1) / 2] + values[half])
}

impl TraceOpto {
    /// The median number of evaluations that contender `k` took, if half of the tasks are solved.
    fn taken(&self, k: usize) -> Option<f64> {
        let reached = |lane: &Lane| lane.reached.map_or(f64::INFINITY, |n| n as f64);
        let median = median(self.lanes.iter().skip(k).step_by(IDS.len()).map(reached).collect());
        median.is_finite().then_some(median)
    }

    /// Holds the messages of a run against what they should be.
    fn examine(&mut self, seen: &Seen) {
        let parameters = seen.theta.len();
        for trace in &seen.traces {
            for (m, d) in cotangents(trace, parameters).iter().zip(reverse_mode(trace, parameters)) {
                self.off[0] = self.off[0].max((m - d).abs() / (1.0 + d.abs()));
            }
            let kept = minimal_subgraph(trace, parameters);
            let (ways, depends) = (trace.ways(), trace.dependants(&(0..parameters).collect::<Vec<_>>()));
            let wrong = (0..ways.len()).filter(|id| kept.contains(id) != (ways[*id] > 0 && depends[*id])).count();
            self.off[1] = self.off[1].max(wrong as f64);
        }
    }

    fn task(&self) -> &Task {
        &self.tasks[self.setting.task - 1]
    }

    fn lane(&self, k: usize) -> &Lane {
        &self.lanes[(self.setting.task - 1) * IDS.len() + k]
    }

    /// The runs of the visitor or of the pasted reply, on the task that is shown. An error is of the control whose text
    /// cannot be read; what is not asked for is not read.
    fn own(&self) -> Result<Vec<Seen>> {
        let task = self.task();
        let runs = match self.setting.optimiser {
            Shown::You => read_values(&self.setting.values.0, task.names)?,
            Shown::Reply => {
                let reply = read_reply(&self.setting.reply.0, task.names, &task.start)?;
                std::iter::once(task.start.clone()).chain(reply).collect()
            }
            _ => Vec::new(),
        };
        Ok(runs.iter().map(|theta| task.evaluate(theta)).collect())
    }

    /// The run that the graph and the prompt show, and the one before it.
    fn current(&self, own: &[Seen]) -> [Seen; 2] {
        let lane = |k: usize| {
            let lane = self.lane(k);
            [&lane.seen, &lane.before].map(|run| run.as_deref().cloned())
        };
        let [seen, before] = match self.setting.optimiser {
            Shown::TraceReader => lane(0),
            Shown::Adam => lane(2),
            Shown::NelderMead => lane(3),
            Shown::RandomSearch => lane(5),
            Shown::You | Shown::Reply => [own.last().cloned(), own.iter().rev().nth(1).cloned()],
        };
        let seen = seen.unwrap_or_else(|| self.task().evaluate(&self.task().start));
        let before = before.unwrap_or_else(|| seen.clone());
        [seen, before]
    }

    fn draw_graph(&self, seen: &Seen, figures: &mut Figures) {
        let trace = &seen.traces[seen.worst()];
        let kept = minimal_subgraph(trace, self.task().names.len());
        let swept = sweep(trace, &MinimalSubgraphPropagator);
        let visited: BTreeSet<usize> = swept.order.iter().copied().take(self.t).collect();
        let caption = "From the parameters, left, to the output, right. Filled: the minimal subgraph; the sweep comes back from \
                       the right, a node a step. Open: what no parameter reaches.";
        let mut figure = figures.figure("graph", "The execution trace", caption);
        let places = places(trace, &kept);
        let (mut near, mut far, mut plain) = ((vec![], vec![]), (vec![], vec![]), (vec![], vec![]));
        for (id, node) in trace.nodes.iter().enumerate() {
            for &parent in node.parents() {
                let both = kept.contains(&id) && kept.contains(&parent);
                let link = if !both {
                    &mut plain
                } else if visited.contains(&parent) {
                    &mut near
                } else {
                    &mut far
                };
                link.0.push(places[parent]);
                link.1.push(places[id]);
            }
        }
        figure.link(&plain.0, &plain.1, None).ink(Ink::Muted).faint();
        figure.link(&far.0, &far.1, None).ink(Ink::Muted);
        figure.link(&near.0, &near.1, None).of("reader").label("message passed");
        let group = |keep: &dyn Fn(usize) -> bool| -> (Vec<f64>, Vec<f64>) {
            (0..trace.nodes.len()).filter(|&id| keep(id)).map(|id| (places[id][0], places[id][1])).unzip()
        };
        let (x, y) = group(&|id| !kept.contains(&id));
        figure.dot(x, y).ink(Ink::Muted).symbol(Symbol::Ring).radius(3.0);
        let (x, y) = group(&|id| kept.contains(&id) && !visited.contains(&id));
        figure.dot(x, y).ink(Ink::Strong).symbol(Symbol::Ring).radius(5.0);
        let (x, y) = group(&|id| kept.contains(&id) && visited.contains(&id) && id >= self.task().names.len());
        figure.dot(x, y).of("reader").radius(5.0).label("minimal subgraph");
        let (x, y) = group(&|id| id < self.task().names.len());
        figure.dot(x, y).ink(Ink::Accent).symbol(Symbol::Square).radius(6.0).label("parameter");
        // In a large graph only the ends have names.
        let few = kept.len() <= 16;
        let output = trace.nodes.len() - 1;
        let named = |id: &usize| {
            let node = &trace.nodes[*id];
            let word = match node.op {
                Op::Parameter => self.task().names[*id].to_owned(),
                op if *id == output => format!("{} y", op.sign()),
                op => op.sign().to_owned(),
            };
            (*id < self.task().names.len() || *id == output || few && kept.contains(id)).then_some((*id, word))
        };
        let labels: Vec<(usize, String)> = (0..=output).filter_map(|id| named(&id)).collect();
        // Those of the ends stand outside, so that the marks there are whole.
        let aside = |id: usize| match id {
            _ if id < self.task().names.len() => -0.6,
            _ if id == output => 0.6,
            _ => 0.0,
        };
        let at = labels.iter().map(|&(id, _)| [places[id][0] + aside(id), places[id][1] + 0.35]);
        let at: Vec<[f64; 2]> = at.collect();
        figure.text(&at, labels.into_iter().map(|(_, word)| word));
    }

    fn draw_messages(&self, seen: &Seen, figures: &mut Figures) {
        let (worst, parameters) = (seen.worst(), self.task().names.len());
        let trace = &seen.traces[worst];
        let want = trace.output() - seen.residuals[worst];
        let wants = (0..parameters).find_map(|i| trace.push_back(i, want)).unwrap_or_default();
        let gradient = sweep(trace, &GradientPropagator).messages;
        let sets = sweep(trace, &MinimalSubgraphPropagator);
        let kept = minimal_subgraph(trace, parameters);
        let rows: Vec<usize> = sets.order.iter().copied().filter(|id| kept.contains(id)).take(40).collect();
        let caption = "At the run before the one shown: the nodes of the minimal subgraph as the sweep meets them, and what each \
                       would have to be, where the desired output can be taken back so far.";
        let text = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), written);
        let name = |id: &usize| if *id < parameters { self.task().names[*id].to_owned() } else { format!("v{id}") };
        let mut figure = figures.figure("messages", "The messages of the sweep", caption);
        figure
            .table()
            .words("node", rows.iter().map(name))
            .words("operation", rows.iter().map(|id| trace.nodes[*id].op.word()))
            .words("value", rows.iter().map(|id| written(trace.value(*id))))
            .words("wanted", rows.iter().map(|id| text(wants.iter().find(|want| want.0 == *id).map(|want| want.1))))
            .words("∂y/∂node", rows.iter().map(|id| text(gradient[*id])))
            .words("in set", rows.iter().map(|id| sets.messages[*id].as_ref().map_or(0, BTreeSet::len).to_string()));
    }
}

/// Where the nodes are drawn: by level from left to right, what is not in the subgraph below what it enters.
fn places(trace: &Trace, kept: &BTreeSet<usize>) -> Vec<[f64; 2]> {
    let levels = trace.nodes.last().map_or(0, |node| node.level) + 1;
    let mut counts = vec![0_usize; levels.max(trace.nodes.iter().map(|node| node.level + 1).max().unwrap_or(1))];
    kept.iter().for_each(|&id| counts[trace.nodes[id].level] += 1);
    let mut filled = vec![0_usize; counts.len()];
    let mut places: Vec<Option<[f64; 2]>> = vec![None; trace.nodes.len()];
    for &id in kept {
        let level = trace.nodes[id].level;
        let slot = filled[level] as f64 - 0.5 * (counts[level] as f64 - 1.0);
        places[id] = Some([level as f64, -2.0 * slot]);
        filled[level] += 1;
    }
    let lowest = places.iter().flatten().map(|place| place[1]).fold(0.0, f64::min);
    let mut dead = 0.0;
    for (id, node) in trace.nodes.iter().enumerate().rev() {
        // What leads nowhere lies along the bottom.
        let [x, y] = *places[id].get_or_insert_with(|| {
            dead += 1.0;
            [node.level as f64, lowest - 1.7 - 0.8 * dead]
        });
        for (k, &parent) in node.parents().iter().enumerate() {
            places[parent].get_or_insert([x - 0.6 + 0.4 * k as f64, y - 0.8 - 0.3 * k as f64]);
        }
    }
    places.into_iter().map(Option::unwrap_or_default).collect()
}

/// A number as the prompt has it, but for the tables: a power of ten is written as one.
fn written(x: f64) -> String {
    powers_of_ten(&shown(x))
}

impl Exhibit for TraceOpto {
    const CARD: Card = CARD;
    type Controls = Setting;

    fn new(setting: &Setting, rng: &mut Rng) -> Result<Self> {
        let Setting { workflow, ops, reuse, curved, opaque, feedback, reveal, .. } = *setting;
        if workflow == Workflow::Arithmetic && ops + 1 < reuse + usize::from(opaque) {
            let least = reuse + usize::from(opaque) - 1;
            return Err(Error::of("ops", format!("to join {reuse} uses of x takes {least} operations at least")));
        }
        let shape = Shape { ops, uses: reuse, curved, opaque };
        let tasks: Vec<Task> = (0..TASKS).map(|_| Task::new(workflow, shape, rng)).collect();
        let mut lanes = Vec::with_capacity(TASKS * IDS.len());
        for task in &tasks {
            let n = task.names.len();
            let reader = |sees: bool| Method::Reader(Reader::new(sees, feedback, n));
            let methods = [
                reader(reveal),
                reader(false),
                Method::Adam(Adam::new(n, RATE, [0.9, 0.999])),
                Method::Simplex(NelderMead::new()),
                Method::Pattern(Pattern::new()),
                Method::Random,
            ];
            // The reader has the same luck with and without the trace.
            let seed = rng.random::<u64>();
            lanes.extend(methods.map(|method| Lane::new(method, Rng::seed_from_u64(seed))));
        }
        let medians = Curves::new(&IDS, FLOOR);
        let made = Self { setting: setting.clone(), tasks: Rc::new(tasks), lanes, t: 0, medians, off: [0.0; 2] };
        made.own()?;
        Ok(made)
    }

    fn length(&self) -> usize {
        BUDGET
    }

    async fn step(&mut self, _: &Compute) -> Progress {
        let tasks = Rc::clone(&self.tasks);
        for (lanes, task) in self.lanes.chunks_exact_mut(IDS.len()).zip(tasks.iter()) {
            lanes.iter_mut().for_each(|lane| lane.advance(task));
        }
        self.t += 1;
        for k in [0, 2] {
            for task in 0..TASKS {
                let lane = &self.lanes[task * IDS.len() + k];
                let fresh = lane.seen.clone().filter(|_| lane.evaluations == self.t);
                fresh.iter().for_each(|seen| self.examine(seen));
            }
        }
        for (k, id) in IDS.iter().enumerate() {
            let best = self.lanes.iter().skip(k).step_by(IDS.len()).map(|lane| lane.best);
            self.medians.push(id, self.t as f64, median(best.collect()));
        }
        let solved = self.lanes.iter().all(|lane| lane.reached.is_some());
        if self.t >= BUDGET || solved { Progress::Done } else { Progress::Running }
    }

    fn retune(&mut self, setting: &Setting) {
        self.setting = setting.clone();
    }

    fn figures(&self, figures: &mut Figures) {
        // The optimiser may be changed during a run, to texts that cannot be read.
        let (own, wrong) = self.own().map_or_else(|error| (Vec::new(), Some(error.message)), |own| (own, None));
        let [seen, before] = self.current(&own);
        self.draw_graph(&seen, figures);

        let axes = ["evaluations of the workflow", "|y − y*|"];
        let caption = "The best so far, the median of thirty tasks. Solved is 10⁻⁶, the dashed line; what is exact lies at the bottom.";
        let mut medians = self.medians.figure(figures, "medians", "The error against the evaluations", caption, axes);
        let across = || Axis::log("evaluations of the workflow").domain(1.0, BUDGET as f64).or(Scale::Linear);
        medians.x(across());
        medians.rule_y([GOAL]).ink(Ink::Muted).dashed();

        let caption = match wrong {
            Some(message) => format!("Yours could not be read: {message}."),
            None => {
                "The best so far on the task that is shown above; rings are your own runs, or the reply's.".to_owned()
            }
        };
        let mut one = figures.figure("task", format!("Task {}", self.setting.task), caption);
        one.x(across()).y(Axis::log("|y − y*|"));
        for (k, id) in IDS.iter().enumerate() {
            let curve = &self.lane(k).curve;
            if !curve.is_empty() {
                one.line((1..=curve.len()).map(|t| t as f64), curve).of(id);
            }
        }
        one.rule_y([GOAL]).ink(Ink::Muted).dashed();
        if !own.is_empty() {
            let scores = own.iter().map(|seen| seen.score.max(FLOOR));
            one.dot((1..=own.len()).map(|t| t as f64), scores)
                .ink(Ink::Accent)
                .symbol(Symbol::Ring)
                .radius(5.0)
                .label("yours");
        }

        self.draw_messages(&before, figures);

        let caption = "What OptoPrime would be shown at this point. Copy it to any chat model, and paste its reply.";
        let mut text = figures.figure("prompt", "The prompt", caption);
        text.table().words("line by line", prompt(&seen, self.task(), self.setting.feedback, self.setting.reveal));
    }

    fn claim(&self) -> Claim {
        let t = self.t as f64;
        let over = self.t >= BUDGET;
        let [reader, hidden] = [0, 1].map(|k| self.taken(k));
        let score_only = [3, 4, 5].into_iter().filter_map(|k| self.taken(k)).reduce(f64::min);
        // What has not come there yet takes at least as long as it has run.
        let against = |other: Option<f64>| {
            let other = other.unwrap_or(t);
            reader.or(over.then_some(t)).map(|reader| other / reader)
        };
        let open = |other: Option<f64>| !over && (reader.is_none() || other.is_none());
        let (by_score, by_trace) = (against(score_only), against(hidden));
        let started = self.t > 0;
        let undecided = by_score.is_none_or(|ratio| ratio < 5.0) && open(score_only);
        Claim::new(vec![
            Clause::at_most(
                "The gradient's messages at the parameters are those of reverse mode to {value}, at most {high}.",
                started.then_some(self.off[0]),
                1e-10,
            )
            .holds_only_after(undecided),
            Clause::at_most(
                "The minimal subgraph differs from the nodes between parameters and output in {value} nodes.",
                started.then_some(self.off[1]),
                0.0,
            )
            .holds_only_after(undecided),
            Clause::at_least(
                "In the median the best score-only search takes {value} times the reader's evaluations or more; {low} is claimed.",
                by_score,
                5.0,
            )
            .fails_only_after(open(score_only)),
            Clause::at_least(
                "With the trace hidden the same reader takes {value} times as many or more; {low} is claimed.",
                by_trace,
                1.25,
            )
            .fails_only_after(open(hidden)),
        ])
    }

    fn scenarios() -> Vec<Scenario<Setting>> {
        let default = Setting::default();
        vec![
            Scenario::holds(
                "default",
                "Read the trace",
                "One run, and the right x can be read off it.",
                default.clone(),
            ),
            Scenario::holds(
                "program",
                "A buggy program",
                "Only the wrong constant gives the same answer on all four inputs.",
                Setting { workflow: Workflow::Program, ..default.clone() },
            ),
            Scenario::holds(
                "score",
                "The score and the trace",
                "The output is in the trace, so the score leaves but two targets.",
                Setting { feedback: Feedback::Score, curved: true, ..default.clone() },
            ),
            Scenario::holds(
                "controller",
                "A controller that branches",
                "Often the brake's gain is used just once, and can be read off; three gains are much for a search.",
                Setting { workflow: Workflow::Controller, ..default.clone() },
            ),
            Scenario::fails(
                "gradient",
                "Told the derivative",
                "On a straight line the derivative alone is as good as the trace.",
                Setting { feedback: Feedback::Gradient, ..default.clone() },
            ),
            Scenario::fails(
                "hidden",
                "Hide the trace",
                "The reader is now its own baseline. It still beats the simplex: a secant does.",
                Setting { reveal: false, ..default.clone() },
            ),
            Scenario::fails(
                "reuse",
                "x used four times",
                "No operation can be inverted on its own, and the reader takes the same secants with the trace as without.",
                Setting { reuse: 4, ..default.clone() },
            ),
            Scenario::fails(
                "opaque",
                "One opaque operation",
                "Neither an inverse nor a derivative is known of it; the gradient's messages end there.",
                Setting { opaque: true, ..default },
            ),
        ]
    }
}
