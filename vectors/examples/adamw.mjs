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
const FORMATS = { float64: [16, 11], float32: [8, 8], float16: [4, 5], bfloat16: [4, 8], float8_e5m2: [2, 5], float8_e4m3fn: [2, 4] };
function narrow(b, width, exponent) { // a number of its bits; of float8_e4m3fn one number alone is none, and none is infinite
  const m = 4 * width - 1 - exponent, top = 2 ** exponent - 1, e = (b >> m) & top, f = b & (2 ** m - 1);
  const x = e === top && (exponent !== 4 || f === 7) ? (f ? NaN : Infinity) : (e ? f + 2 ** m : f) * 2 ** ((e || 1) - (top >> 1) - m);
  return b >> (4 * width - 1) ? -x : x;
}
function bits(text = "", dtype = "float64") { // the numbers of a string of bits
  const [width, exponent] = FORMATS[dtype];
  if (text.length % width || /[^0-9a-f]/.test(text)) throw new Error(`must have ${width} hexadecimal digits a number, got ${text.slice(0, 40)}`);
  const b = Buffer.from(text, "hex"), step = width / 2;
  const one = (at) => (width === 16 ? b.readDoubleBE(at) : width === 8 ? b.readFloatBE(at) : narrow(b.readUIntBE(at, step), width, exponent));
  return Array.from({ length: b.length / step }, (_, i) => one(i * step));
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
const typed = (a, dtype) => (dtype === "float64" ? Float64Array : Float32Array).from(a); // a program of fewer bits computes in float32
function store(a, dtype) { // rounded to a format of fewer bits, ties to even
  const [width, exponent] = FORMATS[dtype], least = 2 - 2 ** (exponent - 1);
  if (width < 8) a.forEach((x, i) => {
    const unit = 2 ** (Math.max(x ? Math.floor(Math.log2(Math.abs(x))) : least, least) - (4 * width - 1 - exponent));
    a[i] = ((x / unit + 1.5 * 2 ** 52) - 1.5 * 2 ** 52) * unit;
  });
}
function check(path) {
  const failed = new Map();
  let cases = 0, number = 0, version, s, h, dtype, round;
  const note = (id, where, off) => { if (!(off <= 1) && !failed.has(id)) failed.set(id, `${where}: off by ${off.toPrecision(3)} tolerances`); };
  const one = (o) => {
    if (o.k === "suite") {
      if (o.entry !== "optimizers.adamw") throw new Error("this program is an optimizers.adamw");
      version = o.version;
    }
    if (o.k === "call" || o.k === "run") {
      cases += 1;
      dtype = o.dtype;
      round = dtype === "float64" ? (x) => x : Math.fround;
      h = Object.fromEntries(["lr", "beta1", "beta2", "eps", "eps_root", "weight_decay"].filter((n) => n in o).map((n) => [n, round(bits(o[n])[0])]));
      const theta = typed(bits(o.theta, dtype), dtype);
      const [m, v] = ["state.m", "state.v"].map((n) => (n in o ? typed(bits(o[n], dtype), dtype) : theta.map(() => 0)));
      s = { theta, m, v, t: Number(o["state.t"] ?? 0) };
    }
    if (o.k === "call" || o.k === "step") {
      if (o.k === "step" && "theta" in o) s.theta = typed(bits(o.theta, dtype), dtype); // where it starts, in formats of fewer bits
      adamw(s, bits(o.grad, dtype), { ...h, lr: round(bits(o.lr)[0]) }, round);
      for (const part of [s.theta, s.m, s.v]) store(part, dtype);
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
  console.log(`${path}: ${cases - failed.size} of ${cases} cases pass, in float64, float32 and formats of fewer bits, vectors ${version}`);
  return failed.size === 0;
}

// --- the protocol: one line answers one line ---
async function serve() {
  const hex = (a) => Buffer.from(Array.from(a, (x) => { const b = Buffer.alloc(a.BYTES_PER_ELEMENT); b.length === 8 ? b.writeDoubleBE(x) : b.writeFloatBE(x); return [...b]; }).flat()).toString("hex");
  let s, h, dtype, round;
  for await (const text of createInterface({ input: process.stdin })) {
    const o = JSON.parse(text), answer = {};
    if (o.cmd === "stop") break;
    if (o.cmd === "start") Object.assign(answer, { protocol: "trainspec/1", subject: "adamw.mjs", takes: "lr beta1 beta2 eps weight_decay" });
    else answer.id = o.id;
    if (o.cmd === "case" && !["float64", "float32"].includes(o.dtype)) answer.skipped = "float64 and float32 only";
    else if (o.cmd === "case") {
      dtype = o.dtype;
      round = dtype === "float64" ? (x) => x : Math.fround;
      h = Object.fromEntries(["beta1", "beta2", "eps", "weight_decay"].map((n) => [n, round(bits(o[n])[0])]));
      const theta = typed(bits(o.theta, dtype), dtype);
      s = { theta, m: theta.map(() => 0), v: theta.map(() => 0), t: 0 };
    }
    if (o.cmd === "step") {
      adamw(s, bits(o.grad, dtype), { ...h, lr: round(bits(o.lr)[0]) }, round);
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
