// Reads files of vectors by the example's reader, which stands before these lines: every line, every number of arguments and results;
// what is due must be within its own tolerance. Prints how many lines, cases and numbers there are.
import { statSync, readFileSync } from "node:fs";

let lines = 0, cases = 0, count = 0;
function readValues(o, kinds, dtype, isDue) {
  for (const [name, kind] of kinds) {
    if (!(name in o) || !(kind === "array" || kind === "number")) continue;
    const values = bits(o[name], isDue || kind === "number" ? "float64" : dtype);
    if (isDue && !(worst(o, name, values) <= 1)) throw new Error(`${name} must be within its tolerance`);
    count += values.length;
  }
}
for (const path of process.argv.slice(2)) {
  let named, dtype;
  for (const o of readLines(path)) {
    lines += 1;
    if (o.k === "suite") named = [o.arguments, o.results].map((text) => text.split(" ").map((part) => part.split(":")));
    const isCase = o.k === "call" || o.k === "run";
    if (isCase) { dtype = o.dtype; cases += 1; }
    if (isCase || o.k === "step" || o.k === "alt") { readValues(o, named[0], dtype, false); readValues(o, named[1], dtype, true); }
  }
}
console.log(`${process.argv.length - 2} files, ${lines} lines, ${cases} cases, ${count} numbers`);
