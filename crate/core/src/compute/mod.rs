//! Where large matrix products run. An exhibit writes down what it wants; it does not know whether a GPU answers.

mod plan;
mod tensor;

pub use plan::{Operand, Plan, Step};
pub use tensor::{Formula, Map, Node, Pair, Shape, Tensor};

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;

/// A future that stays on its thread, as all of the browser's do.
pub type Local<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// Something that carries out a [`Plan`].
pub trait Engine {
    /// The entries of what the plan wants, in the plan's order, by rows, and who computed them.
    fn run<'a>(&'a self, plan: &'a Plan) -> Local<'a, Answer>;
}

/// What an [`Engine`] gives back.
pub struct Answer {
    /// One array for each of [`Plan::wanted`].
    pub entries: Vec<Vec<f32>>,
    /// What computed it: [`CPU`], or a GPU by its name.
    pub by: Rc<str>,
}

/// The name of the reference, whose results are the same on every machine.
pub const CPU: &str = "CPU";

/// The handle a step is given.
#[derive(Clone)]
pub struct Compute {
    engine: Rc<dyn Engine>,
    name: Rc<RefCell<Rc<str>>>,
}

impl Compute {
    /// A run's products, carried out by `engine`.
    pub fn new(engine: Rc<dyn Engine>) -> Self {
        Self { engine, name: Rc::new(RefCell::new(CPU.into())) }
    }

    /// The entries of `tensors`, by rows. Everything between what is known and what is read stays on the device.
    pub async fn read<const N: usize>(&self, tensors: [&Tensor; N]) -> [Rc<Vec<f32>>; N] {
        let plan = Plan::new(&tensors);
        if !plan.wanted().is_empty() {
            let Answer { entries, by } = self.engine.run(&plan).await;
            if *by != *CPU {
                *self.name.borrow_mut() = by;
            }
            plan.settle(entries);
        }
        tensors.map(Tensor::entries)
    }

    /// `a b`, by rows: products of whole batches, of transposes too.
    pub async fn matmul(&self, a: &Tensor, b: &Tensor) -> Rc<Vec<f32>> {
        let [product] = self.read([&a.matmul(b)]).await;
        product
    }

    /// What computed this run: "CPU", or a GPU if any of it was computed there.
    pub fn name(&self) -> Rc<str> {
        self.name.borrow().clone()
    }
}
