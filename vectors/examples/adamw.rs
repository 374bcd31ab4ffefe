// Check an AdamW in Rust against its vectors, with std alone:  rustc -O adamw.rs && ./adamw ../optimizers.adamw.jsonl
// Without a file it answers the protocol:  trainspec check --command ./adamw
// Put your own step in the place of the macro's. With --mistake eps stands inside the root: a classic mistake.
use std::{env, fs, io, io::Read, process::exit};

struct Hyper { lr: f64, beta1: f64, beta2: f64, eps: f64, eps_root: f64, decay: f64, mistake: bool }
#[derive(Default)]
struct State { theta: Vec<f64>, m: Vec<f64>, v: Vec<f64>, t: i32 }

macro_rules! step { ($name:ident, $real:ty) => {
    fn $name(s: &mut State, grad: &[f64], h: &Hyper) {
        s.t += 1;
        let (b1, b2, lr, eps) = (h.beta1 as $real, h.beta2 as $real, h.lr as $real, h.eps as $real);
        let (c1, c2) = (1.0 - b1.powi(s.t), 1.0 - b2.powi(s.t));
        for i in 0..s.theta.len() {
            let (x, g) = (s.theta[i] as $real, grad[i] as $real);
            let (m, v) = (b1 * s.m[i] as $real + (1.0 - b1) * g, b2 * s.v[i] as $real + (1.0 - b2) * g * g);
            let inside = v / c2 + h.eps_root as $real;
            let root = if h.mistake { (inside + eps).sqrt() } else { inside.sqrt() + eps };
            (s.theta[i], s.m[i], s.v[i]) = ((x - lr * (m / c1 / root + h.decay as $real * x)) as f64, m as f64, v as f64);
        }
    }
} }
step!(adamw64, f64);
step!(adamw32, f32);

// --- the reader ---
const LARGEST_FILE: u64 = 256_000;
fn text<'a>(line: &'a str, key: &str) -> &'a str { // the value of a key; "" where the line has no such key
    let pattern = format!("\"{key}\":\"");
    line.find(&pattern).and_then(|at| line[at + pattern.len()..].split('"').next()).unwrap_or("")
}
type Format = (usize, u32); // hexadecimal digits of an element, and bits of the exponent
const WIDE: Format = (16, 11);
const FORMATS: [(&str, Format); 6] = [("float64", WIDE), ("float32", (8, 8)), ("float16", (4, 5)), ("bfloat16", (4, 8)), ("float8_e5m2", (2, 5)), ("float8_e4m3fn", (2, 4))];
fn narrow(b: i32, (digits, exponent): Format) -> f64 { // of its bits; of float8_e4m3fn one number alone is none, and none is infinite
    let (m, top) = (4 * digits as u32 - 1 - exponent, (1 << exponent) - 1);
    let (e, f) = (b >> m & top, b & ((1 << m) - 1));
    let x = if e == top && (exponent != 4 || f == 7) { if f > 0 { f64::NAN } else { f64::INFINITY } }
        else { f64::from(if e > 0 { f + (1 << m) } else { f }) * 2f64.powi(e.max(1) - top / 2 - m as i32) };
    if b >> (4 * digits - 1) > 0 { -x } else { x }
}
fn bits(line: &str, key: &str, (digits, exponent): Format) -> Result<Vec<f64>, String> { // the numbers of a string of bits
    let hex = text(line, key);
    if hex.len() % digits != 0 || hex.bytes().any(|b| !b"0123456789abcdef".contains(&b)) { return Err(format!("{key} must have {digits} hexadecimal digits a number")); }
    Ok((0..hex.len() / digits).map(|i| u64::from_str_radix(&hex[i * digits..(i + 1) * digits], 16).unwrap_or(0))
        .map(|b| match digits { 16 => f64::from_bits(b), 8 => f32::from_bits(b as u32).into(), _ => narrow(b as i32, (digits, exponent)) }).collect())
}
fn read_lines(path: &str) -> Result<Vec<String>, String> { // the lines of a file; an error names the one that is none, or not in its place
    let mut data = String::new();
    let file = fs::File::open(path).map_err(|problem| format!("{path}: {problem}"))?;
    file.take(LARGEST_FILE + 1).read_to_string(&mut data).map_err(|problem| format!("{path}: {problem}"))?;
    if data.len() as u64 > LARGEST_FILE { return Err(format!("{path}: larger than {LARGEST_FILE} bytes")); }
    let (lines, mut steps) = (data.split_terminator('\n').map(String::from).collect::<Vec<_>>(), 0);
    let bad = |number: usize, why: &str| Err(format!("{path}, line {number}: {why}"));
    for (number, line) in (1..).zip(&lines) {
        let flat = line.starts_with("{\"k\":\"") && line.ends_with("\"}") && line.matches('"').count() % 4 == 0;
        if line.len() > 65_536 || !flat || line.contains('\\') { return bad(number, "must be an object of strings of at most 65536 bytes"); }
        if number == 1 && text(line, "format") != "trainspec-vectors/1" { return bad(1, "must be the head of a file of format trainspec-vectors/1"); }
        steps = if text(line, "k") == "step" { steps + 1 } else { 0 };
        if steps > 0 && text(line, "t") != steps.to_string() { return bad(number, "steps are not in order"); }
        let is_end = text(line, "k") == "end" && text(line, "lines") == number.to_string();
        if (text(line, "k") == "end" || number == lines.len()) && !(is_end && number == lines.len()) { return bad(number, "the file is cut off, or goes on after its end"); }
    }
    if lines.is_empty() || !data.ends_with('\n') { return bad(lines.len(), "the file is cut off"); }
    Ok(lines)
}

// --- the comparison ---
fn number(line: &str, key: &str) -> Result<f64, String> { Ok(bits(line, key, WIDE)?.first().copied().unwrap_or(0.0)) }
fn worst(line: &str, key: &str, got: &[f64]) -> Result<f64, String> { // by how many tolerances numbers are off; infinity: another length
    let (hi, lo, tol) = (bits(line, key, WIDE)?, bits(line, &format!("{key}.lo"), WIDE)?, bits(line, &format!("{key}.tol"), WIDE)?);
    if got.len() != hi.len() || (tol.len() != 1 && tol.len() != hi.len()) { return Ok(f64::INFINITY); }
    Ok((0..got.len()).map(|i| {
        let (off, limit) = (((got[i] - hi[i]) - lo.get(i).unwrap_or(&0.0)).abs(), tol[if tol.len() == 1 { 0 } else { i }]);
        if off <= limit { 0.0 } else if off / limit > 1.0 { off / limit } else { f64::INFINITY }
    }).fold(0.0, f64::max))
}

// --- the report ---
fn store(part: &mut [f64], (digits, exponent): Format) { // rounded to a format of fewer bits than float32, ties to even
    let least = 2 - (1 << (exponent - 1));
    for x in part.iter_mut().filter(|x| digits < 8 && **x != 0.0) {
        let unit = 2f64.powi((x.abs().log2().floor() as i32).max(least) - (4 * digits as i32 - 1 - exponent as i32));
        *x = ((*x / unit + 6_755_399_441_055_744.0) - 6_755_399_441_055_744.0) * unit; // 1.5 times 2 to the power of 52
    }
}
fn check(path: &str, mistake: bool) -> Result<bool, String> {
    let lines = read_lines(path)?;
    if text(&lines[0], "entry") != "optimizers.adamw" { return Err(format!("{path}, line 1: this program is an optimizers.adamw")); }
    let (mut cases, mut failed, mut failing, mut format) = (0, 0, false, WIDE);
    let (mut s, mut h) = (State::default(), Hyper { lr: 0.0, beta1: 0.0, beta2: 0.0, eps: 0.0, eps_root: 0.0, decay: 0.0, mistake });
    for (index, line) in lines.iter().enumerate() {
        let kind = text(line, "k");
        let (is_call, is_run, is_step) = (kind == "call", kind == "run", kind == "step");
        if is_call || is_run {
            let known = FORMATS.iter().find(|known| known.0 == text(line, "dtype"));
            format = known.ok_or(format!("{path}, line {}: dtype must be a format", index + 1))?.1;
            (cases, failing) = (cases + 1, false);
        }
        let mut one = || -> Result<f64, String> { // by how many tolerances this line is off
            if is_call || is_run {
                let of = |key: &str| number(line, key);
                h = Hyper { lr: 0.0, beta1: of("beta1")?, beta2: of("beta2")?, eps: of("eps")?, eps_root: of("eps_root")?, decay: of("weight_decay")?, mistake };
                let theta = bits(line, "theta", format)?;
                let zeros = vec![0.0; theta.len()];
                s = State { theta, m: zeros.clone(), v: zeros, t: 0 };
            }
            if is_call { s = State { m: bits(line, "state.m", format)?, v: bits(line, "state.v", format)?, t: text(line, "state.t").parse().unwrap_or(0), theta: std::mem::take(&mut s.theta) }; }
            if !(is_call || is_step) { return Ok(0.0); }
            h.lr = number(line, "lr")?;
            if is_step && !text(line, "theta").is_empty() { s.theta = bits(line, "theta", format)?; } // where it starts, in formats of fewer bits
            let grad = bits(line, "grad", format)?;
            if [grad.len(), s.m.len(), s.v.len()] != [s.theta.len(); 3] { return Err("theta, grad and the state must have one length".into()); }
            (if format == WIDE { adamw64 } else { adamw32 })(&mut s, &grad, &h);
            for part in [&mut s.theta, &mut s.m, &mut s.v] { store(part, format); }
            let off = worst(line, "new.theta", &s.theta)?;
            Ok(if is_call { off.max(worst(line, "new.state.m", &s.m)?).max(worst(line, "new.state.v", &s.v)?) } else { off })
        };
        let off = one().map_err(|problem| format!("{path}, line {}: {problem}", index + 1))?;
        if off > 1.0 && !failing {
            (failing, failed) = (true, failed + 1);
            println!("{} {}: off by {off:.3e} tolerances", text(line, if is_call { "id" } else { "of" }), text(line, "t"));
        }
        if kind == "alt" && failing && worst(line, "new.theta", &s.theta)? <= 1.0 { println!("  it ends where this one does: {}", text(line, "words")); }
    }
    println!("{path}: {} of {cases} cases pass, in float64, float32 and formats of fewer bits", cases - failed);
    Ok(failed == 0)
}

// --- the protocol: one line answers one line ---
fn hex(values: &[f64], digits: usize) -> String {
    values.iter().map(|&x| if digits == 16 { format!("{:016x}", x.to_bits()) } else { format!("{:08x}", (x as f32).to_bits()) }).collect()
}
fn serve(mistake: bool) {
    let (mut s, mut format) = (State::default(), WIDE);
    let mut h = Hyper { lr: 0.0, beta1: 0.0, beta2: 0.0, eps: 0.0, eps_root: 0.0, decay: 0.0, mistake };
    for line in io::stdin().lines().map_while(Result::ok) {
        let of = |key: &str| number(&line, key).unwrap_or(f64::NAN);
        match text(&line, "cmd") {
            "start" => println!("{{\"protocol\":\"trainspec/1\",\"subject\":\"adamw.rs\",\"takes\":\"lr beta1 beta2 eps weight_decay\"}}"),
            "case" if !["float64", "float32"].contains(&text(&line, "dtype")) => println!("{{\"id\":\"{}\",\"skipped\":\"float64 and float32 only\"}}", text(&line, "id")),
            "case" => {
                format = if text(&line, "dtype") == "float32" { (8, 8) } else { WIDE };
                h = Hyper { lr: of("lr"), beta1: of("beta1"), beta2: of("beta2"), eps: of("eps"), decay: of("weight_decay"), ..h };
                let theta = bits(&line, "theta", format).unwrap_or_default();
                s = State { m: vec![0.0; theta.len()], v: vec![0.0; theta.len()], theta, t: 0 };
                println!("{{\"id\":\"{}\"}}", text(&line, "id"));
            }
            "step" => {
                h.lr = of("lr");
                (if format == WIDE { adamw64 } else { adamw32 })(&mut s, &bits(&line, "grad", format).unwrap_or_default(), &h);
                let (theta, m, v) = (hex(&s.theta, format.0), hex(&s.m, format.0), hex(&s.v, format.0));
                println!("{{\"id\":\"{}\",\"t\":\"{}\",\"theta\":\"{theta}\",\"state.m\":\"{m}\",\"state.v\":\"{v}\"}}", text(&line, "id"), s.t);
            }
            _ => return,
        }
    }
}

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let mistake = arguments.iter().any(|argument| argument == "--mistake");
    let paths: Vec<&String> = arguments.iter().filter(|argument| !argument.starts_with("--")).collect();
    let mut passed = true;
    if paths.is_empty() { serve(mistake); }
    for path in paths {
        passed &= check(path, mistake).unwrap_or_else(|problem| { eprintln!("{problem}"); exit(2) });
    }
    exit(if passed { 0 } else { 1 });
}
