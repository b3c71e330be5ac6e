//! Update rules as programs: a list of assignments to registers, run once a step.

use orrery_core::prelude::*;
use orrery_kernels::linalg::inner;
use orrery_kernels::math::pow;
use orrery_kernels::optim::Optimizer;

/// The registers by name. `w`, `g` and `lr` are given; `m` and `v` keep their values from step to step, and begin at
/// zero; the others are zero at the start of every step. The step is $w\leftarrow w-\mathrm{update}$.
const NAMES: [&str; 10] = ["w", "g", "lr", "m", "v", "update", "a", "b", "c", "d"];
const W: usize = 0;
const G: usize = 1;
const LR: usize = 2;
const M: usize = 3;
const V: usize = 4;
const UPDATE: usize = 5;
/// The first register that a program may write.
const WRITABLE: usize = M;

/// The most statements of a program.
pub const LONGEST: usize = 24;

/// What a statement computes, entry by entry; norms and inner products are numbers, which stand for a vector of equal
/// entries.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Function {
    Same,
    Add,
    Sub,
    Mul,
    /// Zero where the divisor is zero.
    Div,
    Sign,
    Sqrt,
    Square,
    Abs,
    /// `interp(x, y, a)` is $(1-a)x+ay$.
    Interp,
    /// `clip(x, a)` cuts at $\pm|a|$.
    Clip,
    Norm,
    Dot,
}

use Function::{Abs, Add, Clip, Div, Dot, Interp, Mul, Norm, Same, Sign, Sqrt, Square, Sub};

/// All of them, with the name, or the sign between two arguments, and how many they take.
const FUNCTIONS: [(Function, &str, usize); 13] = [
    (Same, "", 1),
    (Add, "+", 2),
    (Sub, "-", 2),
    (Mul, "*", 2),
    (Div, "/", 2),
    (Sign, "sign", 1),
    (Sqrt, "sqrt", 1),
    (Square, "square", 1),
    (Abs, "abs", 1),
    (Interp, "interp", 3),
    (Clip, "clip", 2),
    (Norm, "norm", 1),
    (Dot, "dot", 2),
];

/// What a function is given.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Operand {
    Register(usize),
    Constant(f64),
}

use Operand::{Constant, Register};

impl Operand {
    fn text(self) -> String {
        match self {
            Register(register) => NAMES[register].to_owned(),
            Constant(number) => number.to_string(),
        }
    }
}

/// One assignment. What a function does not take is not looked at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Statement {
    target: usize,
    function: Function,
    inputs: [Operand; 3],
}

impl Statement {
    fn row(&self) -> (Function, &'static str, usize) {
        FUNCTIONS.iter().copied().find(|row| row.0 == self.function).unwrap_or(FUNCTIONS[0])
    }

    fn arguments(&self) -> &[Operand] {
        &self.inputs[..self.row().2]
    }

    /// As it is typed.
    pub fn text(&self) -> String {
        let (_, name, count) = self.row();
        let [x, y, a] = self.inputs.map(Operand::text);
        let target = NAMES[self.target];
        match (self.function, count) {
            (Same, _) => format!("{target} = {x}"),
            (Add | Sub | Mul | Div, _) => format!("{target} = {x} {name} {y}"),
            (_, 1) => format!("{target} = {name}({x})"),
            (_, 2) => format!("{target} = {name}({x}, {y})"),
            _ => format!("{target} = {name}({x}, {y}, {a})"),
        }
    }

    fn random(rng: &mut Rng) -> Self {
        let function = FUNCTIONS[below(FUNCTIONS.len(), rng)].0;
        let target = WRITABLE + below(NAMES.len() - WRITABLE, rng);
        Self { target, function, inputs: [(); 3].map(|()| operand(rng)) }
    }

    /// With its target, its function or one of its arguments changed.
    fn modify(&mut self, rng: &mut Rng) {
        let count = self.row().2;
        match below(count + 2, rng) {
            0 => self.target = Self::random(rng).target,
            1 => self.function = Self::random(rng).function,
            k => {
                let input = &mut self.inputs[k - 2];
                *input = match *input {
                    // A constant is mostly moved, itself or its distance to 1, by a random factor.
                    Constant(c) if rng.random::<f64>() < 0.8 => {
                        let factor = pow(2.0, rng.sample(StandardNormal));
                        let moved = if rng.random::<bool>() { c * factor } else { 1.0 - (1.0 - c) * factor };
                        Constant(rounded(moved))
                    }
                    _ => operand(rng),
                };
            }
        }
    }
}

fn below(count: usize, rng: &mut Rng) -> usize {
    rng.random_range(0..count.max(1) as u32) as usize
}

fn operand(rng: &mut Rng) -> Operand {
    if rng.random::<f64>() < 0.25 {
        Constant([0.01, 0.1, 0.5, 0.9, 0.99, 1.0, 2.0][below(7, rng)])
    } else {
        Register(below(NAMES.len(), rng))
    }
}

/// To three digits, so that a program reads as it runs.
fn rounded(number: f64) -> f64 {
    let number = number.clamp(-1e3, 1e3);
    format!("{number:.2e}").parse().unwrap_or(number)
}

/// An update rule.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Program(pub Vec<Statement>);

/// AdamW as the search starts from it: without the correction of the means' bias, and without $\epsilon$.
pub const ADAMW: &str = "m = interp(g, m, 0.9)\na = square(g)\nv = interp(a, v, 0.999)\nb = sqrt(v)\nupdate = m / b\n\
                         c = w * 0.01\nupdate = update + c\nupdate = update * lr";

/// Lion as it was found, with $\beta_1$, $\beta_2$ and $\lambda$ at their usual values.
pub const LION: &str = "update = interp(g, m, 0.9)\nupdate = sign(update)\nm = interp(g, m, 0.99)\nc = w * 0.3\n\
                        update = update + c\nupdate = update * lr";

impl Program {
    /// Reads one assignment a line; what follows a `#` is not read.
    pub fn parse(text: &str) -> Result<Self> {
        let (mut statements, mut start) = (Vec::new(), 0);
        for line in text.split('\n') {
            let code: Vec<char> = line.chars().take_while(|&c| c != '#').collect();
            if code.iter().any(|c| !c.is_whitespace()) {
                let mut reader = Reader { code: &code, at: 0, start };
                statements.push(reader.statement()?);
            }
            start += line.chars().count() + 1;
        }
        if statements.len() > LONGEST {
            return Err(Error::of("program", format!("has at most {LONGEST} statements")));
        }
        let program = Self(statements);
        if program.0.iter().all(|statement| statement.target != UPDATE) {
            return Err(Error::of("program", "must assign to update, which is taken from the weights at each step"));
        }
        Ok(program)
    }

    /// Which statements have a part in the update, now or at a later step: the others are dead.
    pub fn live(&self) -> Vec<bool> {
        let mut kept = [false; NAMES.len()];
        loop {
            let mut needed = kept;
            needed[UPDATE] = true;
            let mut live = vec![false; self.0.len()];
            for (statement, live) in self.0.iter().zip(&mut live).rev() {
                if std::mem::take(&mut needed[statement.target]) {
                    *live = true;
                    for input in statement.arguments() {
                        if let Register(register) = *input {
                            needed[register] = true;
                        }
                    }
                }
            }
            // What m and v hold at the start of a step they must hold at the end of the one before.
            let before = kept;
            [M, V].iter().for_each(|&state| kept[state] |= needed[state]);
            if kept == before {
                return live;
            }
        }
    }

    /// Without its dead statements.
    pub fn pruned(&self) -> Self {
        Self(self.0.iter().zip(self.live()).filter(|(_, live)| *live).map(|(statement, _)| *statement).collect())
    }

    /// A child: a statement inserted, deleted or modified.
    pub fn mutated(&self, rng: &mut Rng) -> Self {
        let mut child = self.clone();
        let (length, kind) = (child.0.len(), below(4, rng));
        if length == 0 || (kind == 0 && length < LONGEST) {
            child.0.insert(below(length + 1, rng), Statement::random(rng));
        } else if kind == 1 {
            child.0.remove(below(length, rng));
        } else {
            child.0[below(length, rng)].modify(rng);
        }
        child
    }

    /// A number that is the same for programs that do the same: a hash of the updates, in single precision, that the live
    /// statements give for fixed weights and three gradients. Nothing if they give no finite update.
    pub fn fingerprint(&self) -> Option<u64> {
        let w = [0.7, -0.3, 0.0, 1.9, -1.1];
        let gradients = [[0.3, -1.2, 0.01, 0.0, 2.0], [-0.5, -0.9, 0.02, 0.0, 0.4], [0.1, 1.4, -0.03, 0.0, 0.6]];
        let mut machine = Machine::new(self, w.len(), 0.03);
        let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
        for g in &gradients {
            let mut x = w;
            machine.step(&mut x, g);
            for update in &machine.registers[UPDATE] {
                let bits = (*update as f32 + 0.0).to_bits();
                hash = (hash ^ u64::from(bits)).wrapping_mul(0x0100_0000_01b3);
                if !update.is_finite() {
                    return None;
                }
            }
        }
        Some(hash)
    }
}

/// Reads one line.
struct Reader<'a> {
    code: &'a [char],
    at: usize,
    start: usize,
}

impl Reader<'_> {
    fn wrong(&self, message: impl Into<String>) -> Error {
        Error::of("program", message).at(self.start + self.at)
    }

    fn peek(&mut self) -> Option<char> {
        while self.code.get(self.at).is_some_and(|c| c.is_whitespace()) {
            self.at += 1;
        }
        self.code.get(self.at).copied()
    }

    fn take(&mut self, expected: char) -> bool {
        let found = self.peek() == Some(expected);
        self.at += usize::from(found);
        found
    }

    fn word(&mut self, fits: impl Fn(char, Option<char>) -> bool) -> String {
        self.peek();
        let mut word = String::new();
        while let Some(&c) = self.code.get(self.at).filter(|&&c| fits(c, word.chars().last())) {
            word.push(c);
            self.at += 1;
        }
        word
    }

    fn name(&mut self) -> String {
        self.word(|c, _| c.is_ascii_alphanumeric() || c == '_')
    }

    fn register(&self, name: &str, at: usize) -> Result<usize> {
        let found = NAMES.iter().position(|known| *known == name);
        found.ok_or_else(|| {
            let message = format!("there is no \"{name}\"; there are {}", NAMES.join(", "));
            Error::of("program", message).at(self.start + at)
        })
    }

    fn operand(&mut self) -> Result<Operand> {
        let first = self.peek();
        let at = self.at;
        if first.is_some_and(|c| c.is_ascii_alphabetic()) {
            let name = self.name();
            return self.register(&name, at).map(Register);
        }
        let text = self.word(|c, last| {
            let signed = matches!(c, '-' | '+') && matches!(last, None | Some('e'));
            c.is_ascii_digit() || c == '.' || signed || (c == 'e' && last.is_some())
        });
        let number = text.parse().ok().filter(|number: &f64| number.abs() <= 1e6);
        number.map(Constant).ok_or_else(|| self.wrong("a name or a number of at most a million is wanted here"))
    }

    fn statement(&mut self) -> Result<Statement> {
        self.peek();
        let at = self.at;
        let name = self.name();
        let target = self.register(&name, at)?;
        if target < WRITABLE {
            return Err(Error::of("program", format!("{name} is given and cannot be assigned")).at(self.start + at));
        }
        if !self.take('=') {
            return Err(self.wrong("= is wanted here: a statement is name = …"));
        }
        let mut inputs = [Constant(0.0); 3];
        self.peek();
        let here = self.at;
        let word = self.name();
        let function = if !word.is_empty() && self.take('(') {
            let known = FUNCTIONS.iter().find(|(_, name, _)| *name == word);
            let Some(&(function, _, count)) = known else {
                self.at = here;
                return Err(self.wrong(format!("there is no function {word}")));
            };
            for (k, input) in inputs[..count].iter_mut().enumerate() {
                if k > 0 && !self.take(',') {
                    return Err(self.wrong(format!("{word} takes {count} arguments, with commas between them")));
                }
                *input = self.operand()?;
            }
            if !self.take(')') {
                return Err(self.wrong(format!("{word} takes {count} arguments: ) is wanted here")));
            }
            function
        } else {
            self.at = here;
            inputs[0] = self.operand()?;
            match self.peek() {
                None => Same,
                Some(sign) => {
                    let known = FUNCTIONS[1..5].iter().find(|(_, name, _)| name.starts_with(sign));
                    let Some((function, ..)) = known else {
                        return Err(self.wrong("one of + - * / is wanted here"));
                    };
                    self.at += 1;
                    inputs[1] = self.operand()?;
                    *function
                }
            }
        };
        match self.peek() {
            None => Ok(Statement { target, function, inputs }),
            Some(_) => Err(self.wrong("a statement ends here; the next one goes on a line of its own")),
        }
    }
}

fn one(out: &mut [f64], x: &[f64], f: impl Fn(f64) -> f64) {
    out.iter_mut().zip(x).for_each(|(out, x)| *out = f(*x));
}

fn two(out: &mut [f64], x: &[f64], y: &[f64], f: impl Fn(f64, f64) -> f64) {
    out.iter_mut().zip(x).zip(y).for_each(|((out, x), y)| *out = f(*x, *y));
}

/// A program running on one vector of weights.
#[derive(Clone)]
pub struct Machine {
    /// The live statements: what is computed, of which registers, and into which.
    statements: Vec<(Function, [usize; 3], usize)>,
    /// Those with names, and then one full of each constant.
    registers: Vec<Vec<f64>>,
    scratch: Vec<f64>,
    rate: f64,
}

impl Machine {
    /// The program's live statements, for `n` weights, with this in `lr`.
    pub fn new(program: &Program, n: usize, rate: f64) -> Self {
        let mut registers = vec![vec![0.0; n]; NAMES.len()];
        let mut place = |operand: Operand| match operand {
            Register(register) => register,
            Constant(number) => {
                registers.push(vec![number; n]);
                registers.len() - 1
            }
        };
        let live = program.pruned();
        let statements = live.0.iter().map(|s| (s.function, s.inputs.map(&mut place), s.target)).collect();
        Self { statements, registers, scratch: vec![0.0; n], rate }
    }

    fn run(&mut self, (function, inputs, target): (Function, [usize; 3], usize)) {
        let Self { registers, scratch: out, .. } = self;
        let [x, y, a] = inputs.map(|register| registers[register].as_slice());
        match function {
            Same => one(out, x, |x| x),
            Add => two(out, x, y, |x, y| x + y),
            Sub => two(out, x, y, |x, y| x - y),
            Mul => two(out, x, y, |x, y| x * y),
            Div => two(out, x, y, |x, y| if y == 0.0 { 0.0 } else { x / y }),
            Sign => one(out, x, |x| if x == 0.0 { 0.0 } else { x.signum() }),
            Sqrt => one(out, x, f64::sqrt),
            Square => one(out, x, |x| x * x),
            Abs => one(out, x, f64::abs),
            Interp => {
                for (((out, x), y), a) in out.iter_mut().zip(x).zip(y).zip(a) {
                    *out = (1.0 - a) * x + a * y;
                }
            }
            Clip => two(out, x, y, |x, y| x.min(y.abs()).max(-y.abs())),
            Norm => out.fill(inner(x, x).sqrt()),
            Dot => out.fill(inner(x, y)),
        }
        std::mem::swap(&mut registers[target], out);
    }
}

impl Optimizer<f64> for Machine {
    fn step(&mut self, x: &mut [f64], g: &[f64]) {
        self.registers[W].copy_from_slice(x);
        self.registers[G].copy_from_slice(g);
        self.registers[LR].fill(self.rate);
        self.registers[UPDATE..NAMES.len()].iter_mut().for_each(|register| register.fill(0.0));
        for k in 0..self.statements.len() {
            self.run(self.statements[k]);
        }
        // w ← w - update
        x.iter_mut().zip(&self.registers[UPDATE]).for_each(|(x, update)| *x -= update);
    }

    fn rate(&mut self) -> &mut f64 {
        &mut self.rate
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use orrery_kernels::optim::Lion;
    use orrery_kernels::random::normals;
    use proptest::prelude::{prop_assert, prop_assert_eq, proptest};

    #[test]
    fn the_program_of_lion_is_lion() {
        let mut rng = Rng::seed_from_u64(1);
        let mut x = normals(20, &mut rng);
        let mut y = x.clone();
        let mut machine = Machine::new(&Program::parse(LION).unwrap(), 20, 0.01);
        let mut lion = Lion::new(20, 0.01, [0.9, 0.99], 0.3);
        for _ in 0..200 {
            let g = normals(20, &mut rng);
            machine.step(&mut x, &g);
            lion.step(&mut y, &g);
        }
        assert!(x.iter().zip(&y).all(|(x, y)| (x - y).abs() < 1e-13), "{x:?} {y:?}");
    }

    // Under a steady gradient both means are that gradient times 1 - βᵗ, so the step is known.
    #[test]
    fn the_program_of_adamw_is_adamw_without_its_correction() {
        let mut machine = Machine::new(&Program::parse(ADAMW).unwrap(), 1, 0.1);
        let (mut x, mut expected) = ([2.0], 2.0);
        for t in 1..50 {
            machine.step(&mut x, &[-3.0]);
            let power = |beta: f64| 1.0 - orrery_kernels::math::powi(beta, t);
            expected -= 0.1 * (-power(0.9) / power(0.999).sqrt() + 0.01 * expected);
            assert!((x[0] - expected).abs() < 1e-12, "{t}: {} {expected}", x[0]);
        }
    }

    #[test]
    fn dead_statements_are_found_also_through_what_is_kept_between_steps() {
        let text =
            "d = square(g)\na = m + 1\nm = interp(g, m, 0.9)\nb = sqrt(d)\nv = v + b\nupdate = sign(a)\nc = update";
        let program = Program::parse(text).unwrap();
        // m is read before it is written: its statement matters at the next step. v is read by itself alone.
        assert_eq!(program.live(), [false, true, true, false, false, true, false]);
        assert_eq!(program.fingerprint(), program.pruned().fingerprint());
        let other = Program::parse("m = interp(g, m, 0.9)\nupdate = sign(m)").unwrap();
        assert_ne!(program.fingerprint(), other.fingerprint());
        let same = Program::parse("m = interp(g, m, 0.9)\na = abs(m)\nupdate = m / a").unwrap();
        assert_eq!(same.fingerprint(), other.fingerprint());
        assert_eq!(Program::parse("update = sqrt(g)").unwrap().fingerprint(), None);
    }

    #[test]
    fn what_cannot_be_read_is_pointed_at() {
        for (text, at, says) in [
            ("update = g\nupdate = sgn(g)", Some(20), "no function sgn"),
            ("update = q", Some(9), "no \"q\""),
            ("w = g", Some(0), "given"),
            ("update g", Some(7), "= is wanted"),
            ("update = interp(g, m)", Some(20), "3 arguments"),
            ("update = g m", Some(11), "+ - * /"),
            ("update = g * 1e9", Some(16), "million"),
            ("update = g g = 1", Some(11), "wanted"),
            ("update = g * m * w", Some(15), "ends here"),
            ("m = g # update", None, "update"),
        ] {
            let error = Program::parse(text).expect_err(text);
            assert_eq!((error.at, error.message.contains(says)), (at, true), "{text}: {error}");
        }
        assert_eq!(Program::parse("update = -1e-3 *  g # down\n\n").unwrap().0[0].text(), "update = -0.001 * g");
    }

    proptest! {
        #[test]
        fn a_mutant_reads_as_it_is_written_and_does_what_its_live_statements_do(seed in 0_u64..400) {
            let mut rng = Rng::seed_from_u64(seed);
            let mut program = Program::parse(ADAMW).unwrap();
            for _ in 0..40 {
                program = program.mutated(&mut rng);
                prop_assert!(program.0.len() <= LONGEST);
            }
            let text: Vec<String> = program.0.iter().map(Statement::text).collect();
            let writes = program.0.iter().any(|statement| statement.target == UPDATE);
            match Program::parse(&text.join("\n")) {
                Ok(read) => {
                    let again: Vec<String> = read.0.iter().map(Statement::text).collect();
                    prop_assert_eq!(text, again);
                    prop_assert_eq!(read.fingerprint(), program.fingerprint());
                }
                Err(error) => prop_assert!(!writes, "{}", error),
            }
            prop_assert_eq!(program.fingerprint(), program.pruned().fingerprint());
        }
    }
}
