// Check an AdamW in JavaScript against its vectors, without a package:  node adamw.mjs ../optimizers.adamw.jsonl
// Without a file it answers the protocol:  trainspec check --command "node adamw.mjs"
// Put your own step in the place of `adamw`. With --mistake eps stands inside the root: a classic mistake.
import { readFileSync } from "node:fs";
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
function bits(text = "", width = 16) { // the numbers of a string of bits: 16 digits a float64, 8 a float32
  const b = Buffer.from(text, "hex"), step = width / 2;
  return Array.from({ length: b.length / step }, (_, i) => (width === 16 ? b.readDoubleBE(8 * i) : b.readFloatBE(4 * i)));
}
function worst(o, name, got) { // by how many tolerances numbers are off; infinity: another length
  const hi = bits(o[name]), lo = bits(o[`${name}.lo`]), tol = bits(o[`${name}.tol`]);
  if (got.length !== hi.length) return Infinity;
  return got.reduce((most, x, i) => {
    const off = Math.abs(x - hi[i] - (lo[i] ?? 0)), limit = tol[tol.length === 1 ? 0 : i];
    return off <= limit ? most : Math.max(most, off / limit > 1 ? off / limit : Infinity);
  }, 0);
}
function readLines(path) { // the lines of a file as objects; a file that is cut off or of another format is refused
  const data = readFileSync(path, "ascii"), lines = data.trimEnd().split("\n").map((text, i) => {
    try { return JSON.parse(text); } catch { throw new Error(`${path}, line ${i + 1}: no JSON`); }
  });
  if (lines[0].format !== "trainspec-vectors/1") throw new Error(`${path}, line 1: must be of format trainspec-vectors/1`);
  if (lines.at(-1).k !== "end" || lines.at(-1).lines !== String(lines.length)) throw new Error(`${path}: cut off at line ${lines.length}`);
  return lines;
}

// --- the report ---
function check(path) {
  const failed = new Map(), lines = readLines(path);
  let cases = 0, s, h, width, round;
  const note = (id, where, off) => { if (!(off <= 1) && !failed.has(id)) failed.set(id, `${where}: off by ${off.toPrecision(3)} tolerances`); };
  for (const o of lines) {
    if (o.k === "call" || o.k === "run") {
      cases += 1;
      width = o.dtype === "float32" ? 8 : 16;
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
  }
  for (const [id, text] of failed) console.log(`${id}: ${text}`);
  console.log(`${path}: ${cases - failed.size} of ${cases} cases pass, vectors ${lines[0].version}`);
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
    if (o.cmd === "case") {
      width = o.dtype === "float32" ? 8 : 16;
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
