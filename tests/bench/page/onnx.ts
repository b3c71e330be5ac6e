/** An ONNX model of a single node, in the bytes that a session loads: just enough of its protocol buffers. */

const text = (words: string) => [...new TextEncoder().encode(words)];

function varint(value: number): number[] {
  return value < 128 ? [value] : [(value & 127) | 128, ...varint(value >>> 7)];
}
const number = (field: number, value: number) => [...varint(field << 3), ...varint(value)];
const bytes = (field: number, value: number[]) => [
  ...varint((field << 3) | 2),
  ...varint(value.length),
  ...value,
];

/** A matrix of f32, by its name: `ValueInfoProto`. */
function matrix(name: string, rows: number, columns: number): number[] {
  const shape = [rows, columns].flatMap((size) => bytes(1, number(1, size)));
  return [...bytes(1, text(name)), ...bytes(2, bytes(1, [...number(1, 1), ...bytes(2, shape)]))];
}

/** `c = a b` for square matrices: `ModelProto`. */
export function product(size: number): Uint8Array {
  const node = [
    ...bytes(1, text('a')),
    ...bytes(1, text('b')),
    ...bytes(2, text('c')),
    ...bytes(4, text('MatMul')),
  ];
  const inputs = ['a', 'b'].flatMap((name) => bytes(11, matrix(name, size, size)));
  const output = bytes(12, matrix('c', size, size));
  const graph = [...bytes(1, node), ...bytes(2, text('product')), ...inputs, ...output];
  // The operators' version 13, the format's version 8.
  return Uint8Array.from([...number(1, 8), ...bytes(7, graph), ...bytes(8, number(2, 13))]);
}
