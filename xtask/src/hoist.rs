//! Vector constants, taken out of the loops that use them.
//!
//! Compilers put a constant where it is used, and V8 makes a vector constant of two numbers each time it passes one: in a
//! loop over a polynomial's coefficients, such as an exponential's, this takes a third of the time. A constant that
//! stands in a local variable is made once. This has to be the last pass: `wasm-opt` would put the constants back.

use anyhow::Result;
use std::collections::BTreeMap;
use std::path::Path;
use walrus::ir::{Const, Instr, InstrSeqId, LocalGet, LocalSet, Value};
use walrus::{LocalFunction, LocalId, Module, ModuleConfig, ModuleLocals, ValType};

/// Rewrites the module in `path`.
pub fn hoist(path: &Path) -> Result<()> {
    let mut config = ModuleConfig::new();
    config.generate_name_section(false).generate_producers_section(false);
    let mut module = config.parse_file(path)?;
    hoist_all(&mut module);
    module.emit_wasm_file(path)
}

fn hoist_all(module: &mut Module) {
    let Module { funcs, locals, .. } = module;
    for (_, function) in funcs.iter_local_mut() {
        let mut constants = BTreeMap::new();
        let entry = function.entry_block();
        replace(function, entry, false, locals, &mut constants);
        let sets = constants.into_iter().flat_map(|(constant, local)| {
            [Instr::Const(Const { value: Value::V128(constant) }), Instr::LocalSet(LocalSet { local })]
        });
        let sets: Vec<_> = sets.map(|instruction| (instruction, Default::default())).collect();
        function.block_mut(entry).instrs.splice(..0, sets);
    }
}

/// Replaces each constant in a loop by its local variable; zeros and ones cost nothing as they are.
fn replace(
    function: &mut LocalFunction,
    sequence: InstrSeqId,
    in_loop: bool,
    locals: &mut ModuleLocals,
    constants: &mut BTreeMap<u128, LocalId>,
) {
    let mut inner = Vec::new();
    for (instruction, _) in &mut function.block_mut(sequence).instrs {
        match instruction {
            Instr::Const(Const { value: Value::V128(constant) }) if in_loop && !matches!(*constant, 0 | u128::MAX) => {
                let local = *constants.entry(*constant).or_insert_with(|| locals.add(ValType::V128));
                *instruction = Instr::LocalGet(LocalGet { local });
            }
            Instr::Block(block) => inner.push((block.seq, in_loop)),
            Instr::Loop(body) => inner.push((body.seq, true)),
            Instr::IfElse(branches) => inner.extend([(branches.consequent, in_loop), (branches.alternative, in_loop)]),
            _ => {}
        }
    }
    for (sequence, in_loop) in inner {
        replace(function, sequence, in_loop, locals, constants);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use walrus::FunctionBuilder;

    #[test]
    fn a_constant_leaves_its_loop_and_is_set_once() {
        let mut module = Module::default();
        let mut builder = FunctionBuilder::new(&mut module.types, &[], &[]);
        builder.func_body().loop_(None, |body| {
            for constant in [0, 7, 7, 8] {
                body.const_(Value::V128(constant)).drop();
            }
        });
        let function = builder.finish(Vec::new(), &mut module.funcs);
        hoist_all(&mut module);
        let function = module.funcs.get(function).kind.unwrap_local();
        let constants = |sequence: InstrSeqId| -> Vec<u128> {
            let constant = |(instruction, _): &(Instr, _)| match instruction {
                Instr::Const(Const { value: Value::V128(constant) }) => Some(*constant),
                _ => None,
            };
            function.block(sequence).instrs.iter().filter_map(constant).collect()
        };
        let entry = function.entry_block();
        let Some((Instr::Loop(body), _)) = function.block(entry).instrs.last() else { panic!("the loop is gone") };
        assert_eq!((constants(entry), constants(body.seq)), (vec![7, 8], vec![0]));
        assert_eq!(function.block(body.seq).instrs.len(), 8);
    }
}
