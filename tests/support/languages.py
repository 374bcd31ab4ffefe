"""Programs in C, JavaScript and Rust that compute formulas: each line of input is the number of a formula and its arguments in bits."""

import subprocess

from trainspec.spec.site.languages import LANGUAGES, helpers_of, in_language

from .tools import tool


def source(programs, language):
    """All programs in a language, with what they need, and a main function that reads lines."""
    functions = "\n\n".join(in_language(program, language) for program in programs)
    return "\n\n".join([HEADS[language.name], *helpers_of(functions, language), functions, MAINS[language.name](programs)])


def c_main(programs):
    cases = []
    for index, program in enumerate(programs):
        arguments = ", ".join(f"x[{number}]" for number in range(len(program.arguments)))
        call = f"{program.name}({arguments}, y);" if len(program.results) > 1 else f"y[0] = {program.name}({arguments});"
        cases.append(f"case {index}: {call} count = {len(program.results)}; break;")
    return C_MAIN.replace("CASES", "\n        ".join(cases))


def javascript_main(programs):
    return JS_MAIN.replace("NAMES", ", ".join(program.name for program in programs))


def rust_main(programs):
    cases = []
    for index, program in enumerate(programs):
        arguments = ", ".join(f"x[{number}]{' != 0.0' * (name in program.flags)}" for number, name in enumerate(program.arguments))
        call = f"{program.name}({arguments})"
        cases.append(f"{index} => {call}.to_vec()," if len(program.results) > 1 else f"{index} => vec![{call}],")
    return RUST_MAIN.replace("CASES", "\n            ".join(cases))


MAINS = {"c": c_main, "javascript": javascript_main, "rust": rust_main}
HEADS = {
    "c": "#include <inttypes.h>\n#include <math.h>\n#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>",
    "javascript": '"use strict";',
    "rust": "#![allow(unused_variables)] // a constant rate does not depend on its step\nuse std::io::BufRead;",
}
C_MAIN = """int main(void) {
    char line[4096];
    while (fgets(line, sizeof line, stdin)) {
        char *part = line;
        double x[32], y[32];
        int count = 0;
        long index = strtol(part, &part, 10);
        for (int number = 0; *part == ' ' && number < 32; number++) {
            uint64_t bits = strtoull(part, &part, 16);
            memcpy(&x[number], &bits, 8);
        }
        switch (index) {
        CASES
        }
        for (int number = 0; number < count; number++) printf(number ? " %.17g" : "%.17g", y[number]);
        putchar('\\n');
    }
}
"""
JS_MAIN = """const all = [NAMES];
const view = new DataView(new ArrayBuffer(8));
const number = (bits) => { view.setBigUint64(0, BigInt("0x" + bits)); return view.getFloat64(0); };
const lines = require("fs").readFileSync(0, "utf8").trimEnd().split("\\n");
console.log(lines.map((line) => {
    const [index, ...bits] = line.split(" ");
    const result = all[index](...bits.map(number));
    return [result].flat().map(Number).join(" ");
}).join("\\n"));
"""
RUST_MAIN = """fn main() {
    for line in std::io::stdin().lock().lines() {
        let line = line.unwrap();
        let mut parts = line.split(' ');
        let index: usize = parts.next().unwrap().parse().unwrap();
        let x: Vec<f64> = parts.map(|bits| f64::from_bits(u64::from_str_radix(bits, 16).unwrap())).collect();
        let y = match index {
            CASES
            _ => vec![],
        };
        println!("{}", y.iter().map(|value| value.to_string()).collect::<Vec<_>>().join(" "));
    }
}
"""


def command(language, programs, folder):
    """The command of a program that computes formulas in a language, compiled where that is needed."""
    endings = {"c": "c", "javascript": "js", "rust": "rs"}
    path = folder / f"formulas.{endings[language]}"
    path.write_text(source(programs, LANGUAGES[language]), encoding="utf-8")
    binary = folder / "formulas"
    if language == "c":
        subprocess.run([tool("gcc"), "-O0", "-Wall", "-Werror", "-o", binary, path, "-lm"], check=True)
    elif language == "rust":
        subprocess.run([tool("rustc"), "-D", "warnings", "-o", binary, path], check=True)
    return [tool("node"), path] if language == "javascript" else [binary]


def evaluate(language, programs, rows, folder):
    """The results of rows (`index` of a formula, arguments in `bits`), each a list of numbers."""
    lines = "".join(f"{row.index} {' '.join(row.bits)}\n" for row in rows)
    answer = subprocess.run(command(language, programs, folder), input=lines, capture_output=True, text=True, check=True)
    results = [[float(part) for part in line.split()] for line in answer.stdout.splitlines()]
    assert len(results) == len(rows)
    return results
