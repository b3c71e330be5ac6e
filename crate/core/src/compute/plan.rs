//! What has to be computed, in an order in which it can be.

use super::tensor::{Formula, Map, Node, Pair, Shape, Tensor};
use std::collections::BTreeMap;
use std::rc::Rc;

/// Steps that lead from known tensors to the wanted ones, each made only of earlier ones.
pub struct Plan {
    nodes: Vec<Rc<Node>>,
    steps: Vec<Step>,
    wanted: Vec<usize>,
}

/// One step of a [`Plan`].
#[derive(Clone, Copy)]
pub enum Step {
    /// The entries are known: [`Plan::node`].
    Known,
    /// The product of matrices.
    Matmul(Operand, Operand),
    /// Entry by entry, of two.
    Pair(Pair, Operand, Operand),
    /// Entry by entry, of one.
    Map(Map, Operand),
    /// Softmax of every row.
    Softmax(Operand),
}

/// The outcome of an earlier step.
#[derive(Clone, Copy)]
pub struct Operand {
    /// The step.
    pub step: usize,
    /// Whether its transpose is used.
    pub transposed: bool,
}

impl Step {
    /// The steps it is made of.
    pub fn operands(&self) -> impl Iterator<Item = Operand> {
        let (a, b) = match *self {
            Self::Known => (None, None),
            Self::Matmul(a, b) | Self::Pair(_, a, b) => (Some(a), Some(b)),
            Self::Map(_, a) | Self::Softmax(a) => (Some(a), None),
        };
        a.into_iter().chain(b)
    }
}

impl Plan {
    /// What has to be computed to know `tensors`.
    pub(super) fn new(tensors: &[&Tensor]) -> Self {
        let mut plan = Self { nodes: Vec::new(), steps: Vec::new(), wanted: Vec::new() };
        let mut places = BTreeMap::new();
        for tensor in tensors.iter().filter(|tensor| tensor.node.known().is_none()) {
            let place = plan.visit(&tensor.node, &mut places);
            if !plan.wanted.contains(&place) {
                plan.wanted.push(place);
            }
        }
        plan
    }

    /// Plans a node after those it is made of, each once, and says where it stands.
    fn visit(&mut self, node: &Rc<Node>, places: &mut BTreeMap<*const Node, usize>) -> usize {
        let mut left = vec![node.clone()];
        while let Some(node) = left.last().cloned() {
            let formula = node.formula();
            let operands = || formula.iter().flat_map(Formula::operands);
            let before = left.len();
            if !places.contains_key(&Rc::as_ptr(&node)) {
                let missing = operands().filter(|tensor| !places.contains_key(&Rc::as_ptr(&tensor.node)));
                left.extend(missing.map(|tensor| tensor.node.clone()));
                if left.len() > before {
                    continue;
                }
                let at = |tensor: &Tensor| Operand {
                    step: places[&Rc::as_ptr(&tensor.node)],
                    transposed: tensor.transposed,
                };
                let step = match &formula {
                    None => Step::Known,
                    Some(Formula::Matmul(a, b)) => Step::Matmul(at(a), at(b)),
                    Some(Formula::Pair(pair, a, b)) => Step::Pair(*pair, at(a), at(b)),
                    Some(Formula::Map(map, a)) => Step::Map(*map, at(a)),
                    Some(Formula::Softmax(a)) => Step::Softmax(at(a)),
                };
                places.insert(Rc::as_ptr(&node), self.steps.len());
                self.nodes.push(node);
                self.steps.push(step);
            }
            left.pop();
        }
        places[&Rc::as_ptr(node)]
    }

    /// The steps, in order.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// What a step computes.
    pub fn node(&self, step: usize) -> &Node {
        &self.nodes[step]
    }

    /// The shape of what a step computes.
    pub fn shape(&self, step: usize) -> Shape {
        self.nodes[step].shape()
    }

    /// The shape of an operand as it is used.
    pub fn shape_of(&self, operand: Operand) -> Shape {
        let shape = self.shape(operand.step);
        if operand.transposed { shape.t() } else { shape }
    }

    /// The steps whose outcome is asked for.
    pub fn wanted(&self) -> &[usize] {
        &self.wanted
    }

    /// For each step, the last one that uses it; a wanted step is used to the end.
    pub fn last_uses(&self) -> Vec<usize> {
        let mut last: Vec<usize> = (0..self.steps.len()).collect();
        for (step, made) in self.steps.iter().enumerate() {
            made.operands().for_each(|operand| last[operand.step] = step);
        }
        self.wanted.iter().for_each(|&step| last[step] = usize::MAX);
        last
    }

    /// Makes the wanted tensors known.
    pub(super) fn settle(&self, entries: Vec<Vec<f32>>) {
        assert_eq!(entries.len(), self.wanted.len(), "an answer for every wanted tensor");
        self.wanted.iter().zip(entries).for_each(|(&step, entries)| self.nodes[step].settle(entries));
    }
}
