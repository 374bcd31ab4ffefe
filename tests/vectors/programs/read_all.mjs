// Reads files of vectors by the example's reader, which stands before these lines: every line, every number of arguments and results;
// what is due must be within its own tolerance. Prints how many lines, cases and numbers there are.
import { statSync, readFileSync } from "node:fs";

const DIGITS = { float64: 16, float32: 8, float16: 4, bfloat16: 4, float8_e4m3fn: 2, float8_e5m2: 2 };
let lines = 0, cases = 0, count = 0;
function readValues(o, kinds, digits, isDue) {
  for (const [name, kind] of kinds) {
    if (!(name in o) || !(kind === "array" || kind === "number")) continue;
    const width = isDue || kind === "number" ? 16 : digits;
    const values = width >= 8 ? bits(o[name], width) : Array.from({ length: o[name].length / width });
    if (isDue && !(worst(o, name, values) <= 1)) throw new Error(`${name} must be within its tolerance`);
    count += values.length;
  }
}
for (const path of process.argv.slice(2)) {
  let named, digits;
  for (const o of readLines(path)) {
    lines += 1;
    if (o.k === "suite") named = [o.arguments, o.results].map((text) => text.split(" ").map((part) => part.split(":")));
    const isCase = o.k === "call" || o.k === "run";
    if (isCase) { digits = DIGITS[o.dtype]; cases += 1; }
    if (isCase || o.k === "step" || o.k === "alt") { readValues(o, named[0], digits, false); readValues(o, named[1], digits, true); }
  }
}
console.log(`${process.argv.length - 2} files, ${lines} lines, ${cases} cases, ${count} numbers`);
