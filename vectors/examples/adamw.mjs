// Check an AdamW in JavaScript against its vectors, without a package:  node adamw.mjs ../optimizers.adamw.jsonl
// Without a file it answers the protocol:  trainspec check --command "node adamw.mjs"
// Put your own step in the place of `adamw`. With --mistake eps stands inside the root: a classic mistake.
import { readFileSync, statSync } from "node:fs";
import { createInterface } from "node:readline";

const mistake = process.argv.includes("--mistake");

function adamw(s, grad, h, round) { // one step of the state s in place; `round` rounds to the format
  s.t += 1;
  const c1 = round(1 - Math.pow(h.beta1, s.t)), c2 = round(1 - Math.pow(h.beta2, s.t));
  for (let i = 0; i < s.theta.length; i++) {
    s.m[i] = h.beta1 * s.m[i] + round(1 - h.beta1) * grad[i];
    s.v[i] = h.beta2 * s.v[i] + round(1 - h.beta2) * grad[i] * grad[i];
    const inside = s.v[i] / c2 + (h.eps_root ?? 0);
    const root = mistake ? Math.sqrt(inside + h.eps) : Math.sqrt(inside) + h.eps;
    s.theta[i] -= h.lr * (s.m[i] / c1 / root + h.weight_decay * s.theta[i]);
  }
}

// --- the reader ---
const LARGEST_FILE = 256000, LINE = /^\{"k":"[ !#-[\]-~]*"(,"[ !#-[\]-~]*":"[ !#-[\]-~]*")*\}$/;
function bits(text = "", width = 16) { // the numbers of a string of bits: 16 digits a float64, 8 a float32
  if (text.length % width || /[^0-9a-f]/.test(text)) throw new Error(`must have ${width} hexadecimal digits a number, got ${text.slice(0, 40)}`);
  const b = Buffer.from(text, "hex"), step = width / 2;
  return Array.from({ length: b.length / step }, (_, i) => (width === 16 ? b.readDoubleBE(8 * i) : b.readFloatBE(4 * i)));
}
function* readLines(path) { // the lines of a file as objects, one by one; what is none, or not in its place, is an error that names the line
  if (statSync(path).size > LARGEST_FILE) throw new Error(`${path}: larger than ${LARGEST_FILE} bytes`);
  const lines = readFileSync(path, "latin1").split("\n");
  let number = 0, steps = 0, last;
  try {
    for (const text of lines.slice(0, -1)) {
      number += 1;
      if (text.length > 65536 || !LINE.test(text)) throw new Error("must be an object of strings of at most 65536 bytes");
      last = JSON.parse(text);
      if (number === 1 && last.format !== "trainspec-vectors/1") throw new Error("must be the head of a file of format trainspec-vectors/1");
      steps = last.k === "step" ? steps + 1 : 0;
      if (steps && last.t !== String(steps)) throw new Error("steps are not in order");
      if (last.k === "end" && (last.lines !== String(number) || number !== lines.length - 1)) throw new Error("must be the last line, and say its number");
      yield last;
    }
    if (last?.k !== "end" || lines.at(-1) !== "") throw new Error("the file is cut off");
  } catch (problem) {
    throw new Error(`${path}, line ${number}: ${problem.message}`);
  }
}

// --- the comparison ---
function worst(o, name, got) { // by how many tolerances numbers are off; infinity: another length
  const hi = bits(o[name]), lo = bits(o[`${name}.lo`]), tol = bits(o[`${name}.tol`]);
  if (!(name in o) || got.length !== hi.length || (tol.length !== 1 && tol.length !== hi.length)) return Infinity;
  return got.reduce((most, x, i) => {
    const off = Math.abs(x - hi[i] - (lo[i] ?? 0)), limit = tol[tol.length === 1 ? 0 : i];
    return off <= limit ? most : Math.max(most, off / limit > 1 ? off / limit : Infinity);
  }, 0);
}

// --- the report ---
const WIDTHS = { float64: 16, float32: 8 }; // hexadecimal digits of the formats that this program has
function check(path) {
  const failed = new Map();
  let cases = 0, others = 0, number = 0, version, s, h, width, round;
  const note = (id, where, off) => { if (!(off <= 1) && !failed.has(id)) failed.set(id, `${where}: off by ${off.toPrecision(3)} tolerances`); };
  const one = (o) => {
    if (o.k === "suite") {
      if (o.entry !== "optimizers.adamw") throw new Error("this program is an optimizers.adamw");
      version = o.version;
    }
    if (o.k === "call" || o.k === "run") {
      width = WIDTHS[o.dtype];
      if (width) cases += 1;
      else others += 1;
    }
    if (!width) return;
    if (o.k === "call" || o.k === "run") {
      round = width === 8 ? Math.fround : (x) => x;
      h = Object.fromEntries(["lr", "beta1", "beta2", "eps", "eps_root", "weight_decay"].filter((n) => n in o).map((n) => [n, round(bits(o[n])[0])]));
      const typed = (a) => (width === 8 ? Float32Array : Float64Array).from(a);
      const theta = typed(bits(o.theta, width));
      s = { theta, m: typed(o["state.m"] ? bits(o["state.m"], width) : theta.map(() => 0)), v: typed(o["state.v"] ? bits(o["state.v"], width) : theta.map(() => 0)), t: Number(o["state.t"] ?? 0) };
    }
    if (o.k === "call" || o.k === "step") {
      adamw(s, bits(o.grad, width), { ...h, lr: round(bits(o.lr)[0]) }, round);
      note(o.of ?? o.id, o.t ? `step ${o.t}` : "theta", worst(o, "new.theta", s.theta));
    }
    if (o.k === "call") for (const n of ["m", "v"]) note(o.id, n, worst(o, `new.state.${n}`, s[n]));
    if (o.k === "alt" && failed.has(o.of) && worst(o, "new.theta", s.theta) <= 1) console.log(`${o.of} ends where this one does: ${o.words}`);
  };
  for (const o of readLines(path)) {
    number += 1;
    try { one(o); } catch (problem) { throw new Error(`${path}, line ${number}: ${problem.message}`); }
  }
  for (const [id, text] of failed) console.log(`${id}: ${text}`);
  console.log(`${path}: ${cases - failed.size} of ${cases} cases pass in float64 and float32, vectors ${version}; ${others} in other formats are left out`);
  return failed.size === 0;
}

// --- the protocol: one line answers one line ---
async function serve() {
  const typed = (a, width) => (width === 8 ? Float32Array : Float64Array).from(a);
  const hex = (a) => Buffer.from(Array.from(a, (x) => { const b = Buffer.alloc(a.BYTES_PER_ELEMENT); b.length === 8 ? b.writeDoubleBE(x) : b.writeFloatBE(x); return [...b]; }).flat()).toString("hex");
  let s, h, width, round;
  for await (const text of createInterface({ input: process.stdin })) {
    const o = JSON.parse(text), answer = {};
    if (o.cmd === "stop") break;
    if (o.cmd === "start") Object.assign(answer, { protocol: "trainspec/1", subject: "adamw.mjs", takes: "lr beta1 beta2 eps weight_decay" });
    else answer.id = o.id;
    if (o.cmd === "case" && !(o.dtype in WIDTHS)) answer.skipped = "float64 and float32 only";
    else if (o.cmd === "case") {
      width = WIDTHS[o.dtype];
      round = width === 8 ? Math.fround : (x) => x;
      h = Object.fromEntries(["beta1", "beta2", "eps", "weight_decay"].map((n) => [n, round(bits(o[n])[0])]));
      const theta = typed(bits(o.theta, width), width);
      s = { theta, m: theta.map(() => 0), v: theta.map(() => 0), t: 0 };
    }
    if (o.cmd === "step") {
      adamw(s, bits(o.grad, width), { ...h, lr: round(bits(o.lr)[0]) }, round);
      Object.assign(answer, { t: o.t, theta: hex(s.theta), "state.m": hex(s.m), "state.v": hex(s.v) });
    }
    console.log(JSON.stringify(answer));
  }
}
const paths = process.argv.slice(2).filter((a) => !a.startsWith("--"));
try {
  if (paths.length === 0) await serve();
  else process.exitCode = paths.map(check).every(Boolean) ? 0 : 1;
} catch (problem) {
  console.error(problem.message);
  process.exitCode = 2;
}
