//! The kernels, as WGSL text written for the tile, the transposes and the operation at hand.
//!
//! On the device every row of a matrix is filled up with zeros to a multiple of four entries. So all loads and stores
//! are of four entries at once and aligned, and only whole rows and whole groups of four columns need a guard at an edge.

use orrery_core::compute::{Map, Pair};
use std::fmt::Write as _;

/// The part of a product that one workgroup computes: `rows` x `columns`, summed over `depth` at a time out of shared
/// memory, `height` x `width` of it in the registers of each invocation.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Tile {
    pub(crate) rows: u32,
    pub(crate) columns: u32,
    depth: u32,
    height: u32,
    width: u32,
}

/// For products with enough tiles to fill a device. Both tiles together are the 16 KB that every device has.
pub(crate) const LARGE: Tile = Tile { rows: 128, columns: 128, depth: 16, height: 8, width: 8 };
/// For products of middling size.
pub(crate) const MEDIUM: Tile = Tile { rows: 64, columns: 64, depth: 8, height: 8, width: 8 };
/// For small ones: more workgroups, each with less.
pub(crate) const SMALL: Tile = Tile { rows: 32, columns: 32, depth: 16, height: 4, width: 4 };
/// Rows of a thin product that one workgroup computes.
pub(crate) const THIN_ROWS: u32 = 16;

/// A kernel, by what sets it apart from the others.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kernel {
    /// A product by tiles; whether `a` and `b` are stored as their transposes.
    Product { tile: Tile, a: bool, b: bool },
    /// A product with at most four columns, one workgroup for sixteen rows; `flipped`: its transpose is stored.
    Thin { a: bool, b: bool, flipped: bool },
    /// An operation on entries.
    Entries(Entries),
    /// Softmax of rows.
    Softmax,
}

/// An operation on entries; its constants are parameters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Entries {
    Combine,
    Times,
    Over,
    Scale,
    Exp,
}

impl From<Pair> for Entries {
    fn from(pair: Pair) -> Self {
        match pair {
            Pair::Combine(..) => Self::Combine,
            Pair::Times => Self::Times,
            Pair::Over => Self::Over,
        }
    }
}

impl From<Map> for Entries {
    fn from(map: Map) -> Self {
        match map {
            Map::Scale(_) => Self::Scale,
            Map::Exp => Self::Exp,
        }
    }
}

impl Kernel {
    /// The kernel's text; its entry point is `main`.
    pub(crate) fn text(self) -> String {
        match self {
            Self::Product { tile, a, b } => product(tile, a, b),
            Self::Thin { a, b, flipped } => thin(a, b, flipped),
            Self::Entries(operation) => entries(operation),
            Self::Softmax => [BINDINGS, FETCH, SOFTMAX].concat(),
        }
    }
}

/// What every kernel is given. Sizes and strides: `*_rows` rows as stored, `*_line` groups of four in a row, `*_batch`
/// from a matrix to the next (0: the same for all); for operations on entries, strides count entries.
const BINDINGS: &str = "
struct Given {
  a_rows: u32, a_line: u32, a_batch: u32, a_column: u32,
  b_rows: u32, b_line: u32, b_batch: u32, b_column: u32,
  rows: u32, line: u32, columns: u32, batch: u32,
  depth: u32, alpha: f32, beta: f32, unused: u32,
}
@group(0) @binding(0) var<uniform> given: Given;
@group(0) @binding(1) var<storage, read> a: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> b: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> c: array<vec4<f32>>;
";

/// `block_a(batch, i, k)`: rows 4i.. and columns 4k.. of `a`; column `x` of the result is column 4k + x of `a`.
/// `block_b(batch, k, j)`: rows 4k.. and columns 4j.. of `b`; column `x` of the result is row 4k + x of `b`.
fn blocks(a: bool, b: bool) -> String {
    let mut text = String::new();
    for name in ["a", "b"] {
        let _ = write!(
            text,
            "
fn row_{name}(batch: u32, row: u32, group: u32) -> vec4<f32> {{
  if (row < given.{name}_rows && group < given.{name}_line) {{
    return {name}[batch * given.{name}_batch + row * given.{name}_line + group];
  }}
  return vec4<f32>();
}}
fn rows_{name}(batch: u32, block: u32, group: u32) -> mat4x4<f32> {{
  let row = 4u * block;
  return mat4x4<f32>(row_{name}(batch, row, group), row_{name}(batch, row + 1u, group),
    row_{name}(batch, row + 2u, group), row_{name}(batch, row + 3u, group));
}}
"
        );
    }
    let block_a = if a { "rows_a(batch, k, i)" } else { "transpose(rows_a(batch, i, k))" };
    let block_b = if b { "transpose(rows_b(batch, j, k))" } else { "rows_b(batch, k, j)" };
    let _ = write!(
        text,
        "
fn block_a(batch: u32, i: u32, k: u32) -> mat4x4<f32> {{ return {block_a}; }}
fn block_b(batch: u32, k: u32, j: u32) -> mat4x4<f32> {{ return {block_b}; }}
"
    );
    text
}

/// A product by tiles. Each invocation loads blocks of 4 x 4 for the next step while it computes this one; tiles lie in
/// shared memory by `k`, so that what is read there is contiguous.
fn product(tile: Tile, a: bool, b: bool) -> String {
    let Tile { rows, columns, depth, height, width } = tile;
    let (across, down) = (columns / width, rows / height);
    let (groups_a, groups_b, steps) = (rows / 4, columns / 4, depth / 4);
    let (blocks_a, invocations) = (groups_a * steps, across * down);
    assert_eq!(blocks_a + groups_b * steps, invocations, "every invocation loads one block");
    // Neighbours read neighbouring memory: along k where rows are stored along k.
    let place = |transposed: bool, groups: u32| {
        if transposed {
            format!("vec2<u32>(at / {steps}u, at % {steps}u)")
        } else {
            format!("vec2<u32>(at % {groups}u, at / {groups}u)")
        }
    };
    // A block that is turned on its way is written down a column of the tile: the shift spreads it over the banks.
    let shift = |turned: bool| if turned { "((k & 3u) << 1u)" } else { "0u" };
    let mut text = [BINDINGS, &blocks(a, b)].concat();
    let _ = write!(
        text,
        "
var<workgroup> tile_a: array<vec4<f32>, {}>;
var<workgroup> tile_b: array<vec4<f32>, {}>;

@compute @workgroup_size({invocations})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) me: u32) {{
  let batch = group.z;
  let x = me % {across}u;
  let y = me / {across}u;
  let of_a = me < {blocks_a}u;
  let at = select(me - {blocks_a}u, me, of_a);
  let place = select({}, {}, of_a);
  let k = place.y;
  let i = group.y * {groups_a}u + place.x;
  let j = group.x * {groups_b}u + place.x;
  let shifted = place.x ^ select({}, {}, of_a);
  let steps = (given.depth + {depth}u - 1u) / {depth}u;
  var next: mat4x4<f32>;
  if (of_a) {{ next = block_a(batch, i, k); }} else {{ next = block_b(batch, k, j); }}
",
        depth * groups_a,
        depth * groups_b,
        place(b, groups_b),
        place(!a, groups_a),
        shift(b),
        shift(!a),
    );
    for (row, column) in pairs(height, width / 4) {
        let _ = writeln!(text, "  var c{row}_{column} = vec4<f32>();");
    }
    let _ = write!(
        text,
        "  for (var step = 0u; step < steps; step++) {{
    workgroupBarrier();
    if (of_a) {{
      let at = 4u * k * {groups_a}u + shifted;
      tile_a[at] = next[0]; tile_a[at + {groups_a}u] = next[1];
      tile_a[at + {}u] = next[2]; tile_a[at + {}u] = next[3];
    }} else {{
      let at = 4u * k * {groups_b}u + shifted;
      tile_b[at] = next[0]; tile_b[at + {groups_b}u] = next[1];
      tile_b[at + {}u] = next[2]; tile_b[at + {}u] = next[3];
    }}
    workgroupBarrier();
    if (step + 1u < steps) {{
      let ahead = (step + 1u) * {steps}u + k;
      if (of_a) {{ next = block_a(batch, i, ahead); }} else {{ next = block_b(batch, ahead, j); }}
    }}
    for (var k = 0u; k < {steps}u; k++) {{
      let from_a = y ^ {};
      let from_b = x ^ {};
",
        2 * groups_a,
        3 * groups_a,
        2 * groups_b,
        3 * groups_b,
        shift(!a),
        shift(b),
    );
    for inner in 0..4 {
        let _ = writeln!(
            text,
            "      {{ let at_a = (4u * k + {inner}u) * {groups_a}u; let at_b = (4u * k + {inner}u) * {groups_b}u;"
        );
        for block in 0..height / 4 {
            let _ = writeln!(text, "      let a{block} = tile_a[at_a + from_a + {}u];", block * down);
        }
        for block in 0..width / 4 {
            let _ = writeln!(text, "      let b{block} = tile_b[at_b + from_b + {}u];", block * across);
        }
        for (row, column) in pairs(height, width / 4) {
            let entry = ["x", "y", "z", "w"][row as usize % 4];
            let (sum, block) = (format!("c{row}_{column}"), row / 4);
            let _ = writeln!(text, "      {sum} = fma(vec4<f32>(a{block}.{entry}), b{column}, {sum});");
        }
        text.push_str("      }\n");
    }
    text.push_str("    }\n  }\n");
    for (row, column) in pairs(height, width / 4) {
        let _ = writeln!(
            text,
            "  {{ let row = 4u * (group.y * {groups_a}u + y + {}u) + {}u; let place = group.x * {groups_b}u + x + {}u;
    if (row < given.rows && place < given.line) {{ c[batch * given.batch + row * given.line + place] = c{row}_{column}; }} }}",
            row / 4 * down,
            row % 4,
            column * across,
        );
    }
    text.push_str("}\n");
    text
}

fn pairs(rows: u32, columns: u32) -> impl Iterator<Item = (u32, u32)> {
    (0..rows).flat_map(move |row| (0..columns).map(move |column| (row, column)))
}

/// A product with at most four columns, which is bound by reading `a`: sixteen invocations share four rows and add up.
fn thin(a: bool, b: bool, flipped: bool) -> String {
    // Neighbours read neighbouring memory.
    let (block, lane) = if a { ("me % 4u", "me / 4u") } else { ("me / 16u", "me % 16u") };
    let store = if flipped {
        "let turned = transpose(sum);
    for (var j = 0u; j < 4u; j++) {
      if (j < given.rows && i < given.line) { c[batch * given.batch + j * given.line + i] = turned[j]; }
    }"
    } else {
        "for (var s = 0u; s < 4u; s++) {
      if (4u * i + s < given.rows) { c[batch * given.batch + (4u * i + s) * given.line] = sum[s]; }
    }"
    };
    format!(
        "{BINDINGS}{}
var<workgroup> sums: array<mat4x4<f32>, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) me: u32) {{
  let batch = group.z;
  let block = {block};
  let lane = {lane};
  let i = group.x * 4u + block;
  var sum = mat4x4<f32>();
  for (var k = lane; 4u * k < given.depth; k += 16u) {{
    sum += block_b(batch, k, 0u) * transpose(block_a(batch, i, k));
  }}
  let own = block * 16u + lane;
  sums[own] = sum;
  for (var half = 8u; half > 0u; half /= 2u) {{
    workgroupBarrier();
    if (lane < half) {{ sum += sums[own + half]; sums[own] = sum; }}
  }}
  if (lane == 0u) {{
    {store}
  }}
}}
",
        blocks(a, b)
    )
}

/// Four entries of an operand in the order of the result, from wherever they lie; a stride of 0 repeats.
const FETCH: &str = "
fn fetch_a(batch: u32, row: u32, group: u32) -> vec4<f32> {
  let start = batch * given.a_batch + row * given.a_rows;
  if (given.a_column == 1u) { return a[start / 4u + group]; }
  var four = vec4<f32>();
  for (var x = 0u; x < 4u; x++) {
    let at = start + min(4u * group + x, given.columns - 1u) * given.a_column;
    four[x] = a[at / 4u][at % 4u];
  }
  return four;
}
fn fetch_b(batch: u32, row: u32, group: u32) -> vec4<f32> {
  let start = batch * given.b_batch + row * given.b_rows;
  if (given.b_column == 1u) { return b[start / 4u + group]; }
  var four = vec4<f32>();
  for (var x = 0u; x < 4u; x++) {
    let at = start + min(4u * group + x, given.columns - 1u) * given.b_column;
    four[x] = b[at / 4u][at % 4u];
  }
  return four;
}
/// Zeros beyond the last column.
fn within(group: u32, four: vec4<f32>) -> vec4<f32> {
  return select(vec4<f32>(), four, 4u * group + vec4<u32>(0u, 1u, 2u, 3u) < vec4<u32>(given.columns));
}
";

fn entries(operation: Entries) -> String {
    let value = match operation {
        Entries::Combine => "given.alpha * x + given.beta * fetch_b(batch, row, place)",
        Entries::Times => "x * fetch_b(batch, row, place)",
        Entries::Over => "x / fetch_b(batch, row, place)",
        Entries::Scale => "given.alpha * x",
        Entries::Exp => "exp(x)",
    };
    format!(
        "{BINDINGS}{FETCH}
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>) {{
  let place = id.x;
  if (place >= given.line) {{ return; }}
  for (var line = id.y; line < given.depth; line += count.y) {{
    let batch = line / given.rows;
    let row = line % given.rows;
    let x = fetch_a(batch, row, place);
    c[line * given.line + place] = within(place, {value});
  }}
}}
"
    )
}

/// One workgroup for each row: the greatest entry, the sum, the quotients.
const SOFTMAX: &str = "
var<workgroup> shared_values: array<f32, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) count: vec3<u32>,
        @builtin(local_invocation_index) me: u32) {
  for (var line = group.x; line < given.depth; line += count.x) {
    let batch = line / given.rows;
    let row = line % given.rows;
    var greatest = -3.4028234e38;
    for (var place = me; place < given.line; place += 64u) {
      let x = fetch_a(batch, row, place);
      let inside = select(vec4<f32>(x[0]), x, 4u * place + vec4<u32>(0u, 1u, 2u, 3u) < vec4<u32>(given.columns));
      greatest = max(greatest, max(max(inside.x, inside.y), max(inside.z, inside.w)));
    }
    shared_values[me] = greatest;
    for (var half = 32u; half > 0u; half /= 2u) {
      workgroupBarrier();
      if (me < half) { shared_values[me] = max(shared_values[me], shared_values[me + half]); }
    }
    workgroupBarrier();
    greatest = shared_values[0];
    workgroupBarrier();
    var sum = 0.0;
    for (var place = me; place < given.line; place += 64u) {
      sum += dot(within(place, exp(fetch_a(batch, row, place) - greatest)), vec4<f32>(1.0));
    }
    shared_values[me] = sum;
    for (var half = 32u; half > 0u; half /= 2u) {
      workgroupBarrier();
      if (me < half) { shared_values[me] += shared_values[me + half]; }
    }
    workgroupBarrier();
    sum = shared_values[0];
    workgroupBarrier();
    for (var place = me; place < given.line; place += 64u) {
      c[line * given.line + place] = within(place, exp(fetch_a(batch, row, place) - greatest) / sum);
    }
  }
}
";
