// Check an AdamW in Go against its vectors, without a package:  go run adamw.go ../optimizers.adamw.jsonl
// Put your own step in the place of `adamw`. With --mistake eps stands inside the root: a classic mistake.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"strings"
)

type hyper struct{ lr, beta1, beta2, eps, epsRoot, decay float64 }
type state struct {
	theta, m, v []float64
	t           int
}

func adamw(s *state, grad []float64, h hyper, mistake bool) {
	s.t++
	c1, c2 := 1-math.Pow(h.beta1, float64(s.t)), 1-math.Pow(h.beta2, float64(s.t))
	for i := range s.theta {
		s.m[i] = h.beta1*s.m[i] + (1-h.beta1)*grad[i]
		s.v[i] = h.beta2*s.v[i] + (1-h.beta2)*grad[i]*grad[i]
		root := math.Sqrt(s.v[i]/c2+h.epsRoot) + h.eps
		if mistake {
			root = math.Sqrt(s.v[i]/c2 + h.epsRoot + h.eps)
		}
		s.theta[i] -= h.lr * (s.m[i]/c1/root + h.decay*s.theta[i])
	}
}

// --- the reader ---

func stop(line int, why string) {
	fmt.Fprintf(os.Stderr, "line %d: %s\n", line, why)
	os.Exit(2)
}

// readLines returns the lines of a file; what is none, or not in its place, ends the program.
func readLines(path string) []map[string]string {
	file, _ := os.Open(path)
	data, err := io.ReadAll(io.LimitReader(file, 256001))
	if err != nil || len(data) > 256000 || !strings.HasSuffix(string(data), "\n") {
		stop(0, "there is no such file, or it is cut off, or larger than 256000 bytes")
	}
	texts, steps := strings.Split(strings.TrimSuffix(string(data), "\n"), "\n"), 0
	lines := make([]map[string]string, len(texts))
	for i, text := range texts {
		if len(text) > 65536 || strings.ContainsAny(text, "\\\r\t") || json.Unmarshal([]byte(text), &lines[i]) != nil {
			stop(i+1, "must be an object of strings of at most 65536 bytes")
		}
		steps = map[bool]int{true: steps + 1}[lines[i]["k"] == "step"]
		isEnd := lines[i]["k"] == "end" && lines[i]["lines"] == strconv.Itoa(i+1)
		if i == 0 && lines[i]["format"] != "trainspec-vectors/1" || steps > 0 && lines[i]["t"] != strconv.Itoa(steps) || isEnd != (i == len(texts)-1) {
			stop(i+1, "must be the head of a file of format trainspec-vectors/1, or lines are missing, or in another order")
		}
	}
	return lines
}

// formats have so many hexadecimal digits for an element, and bits of the exponent.
var formats = map[string][2]int{"float64": {16, 11}, "float32": {8, 8}, "float16": {4, 5}, "bfloat16": {4, 8}, "float8_e5m2": {2, 5}, "float8_e4m3fn": {2, 4}}

// bits returns the numbers of a string of bits; NaN, which no tolerance admits, where they are none.
func bits(text string, kind string) []float64 {
	d, exponent := formats[kind][0], formats[kind][1]
	numbers, m, top := make([]float64, len(text)/d), 4*d-1-exponent, 1<<exponent-1
	for i := range numbers {
		b, err := strconv.ParseUint(text[d*i:d*i+d], 16, 64)
		e, f := int(b>>m)&top, float64(b&(1<<m-1))
		if numbers[i] = math.Ldexp(f+math.Ldexp(1, m), e-top/2-m); e == 0 {
			numbers[i] = math.Ldexp(f, 1-top/2-m)
		} else if err != nil || e == top && (exponent != 4 || f == 7) {
			numbers[i] = map[bool]float64{true: math.Inf(1), false: math.NaN()}[f == 0 && err == nil]
		}
		numbers[i] = math.Copysign(numbers[i], 1-2*float64(b>>(4*d-1)))
	}
	return numbers
}

// --- the comparison ---

func number(line map[string]string, name string) float64 {
	if values := bits(line[name], "float64"); len(values) > 0 {
		return values[0]
	}
	return 0
}

// worst returns by how many tolerances numbers are off; infinity where the length is another.
func worst(line map[string]string, name string, got []float64) float64 {
	hi, lo, tol := bits(line[name], "float64"), bits(line[name+".lo"], "float64"), bits(line[name+".tol"], "float64")
	if line[name+".tol"] == "" || len(got) != len(hi) || len(tol) != 1 && len(tol) != len(hi) {
		return math.Inf(1)
	}
	most := 0.0
	for i, x := range got {
		off, limit := x-hi[i], tol[0]
		if len(lo) > 0 {
			off -= lo[i]
		}
		if len(tol) > 1 {
			limit = tol[i]
		}
		if off = math.Abs(off); !(off <= limit) {
			most = math.Max(most, math.Max(off/limit, math.Nextafter(1, 2)))
		}
		if math.IsNaN(off) {
			return math.Inf(1)
		}
	}
	return most
}

// store rounds numbers to a format, once: this program computes in float64.
func store(part []float64, kind string) {
	mantissa, least := 4*formats[kind][0]-1-formats[kind][1], 3-1<<(formats[kind][1]-1)
	for i, x := range part {
		_, e := math.Frexp(x)
		if e < least {
			e = least
		}
		if unit := e - 1 - mantissa; kind != "float64" {
			part[i] = math.Ldexp(math.RoundToEven(math.Ldexp(x, -unit)), unit)
		}
	}
}

func main() {
	mistake, path := false, ""
	for _, argument := range os.Args[1:] {
		if argument == "--mistake" {
			mistake = true
		} else {
			path = argument
		}
	}
	lines := readLines(path)
	if lines[0]["entry"] != "optimizers.adamw" {
		stop(1, "this program is an optimizers.adamw")
	}
	cases, failed, kind := 0, map[string]bool{}, ""
	var s state
	var h hyper
	for i, line := range lines {
		if line["k"] == "call" || line["k"] == "run" {
			cases, kind = cases+1, line["dtype"]
			if formats[kind][0] == 0 {
				stop(i+1, "dtype must be a format")
			}
			h = hyper{0, number(line, "beta1"), number(line, "beta2"), number(line, "eps"), number(line, "eps_root"), number(line, "weight_decay")}
			theta := bits(line["theta"], kind)
			s = state{theta, make([]float64, len(theta)), make([]float64, len(theta)), 0}
		}
		id := line["id"] + line["of"]
		if line["k"] == "call" {
			s.m, s.v = bits(line["state.m"], kind), bits(line["state.v"], kind)
			s.t, _ = strconv.Atoi(line["state.t"])
		}
		if line["k"] == "call" || line["k"] == "step" {
			h.lr = number(line, "lr")
			if line["k"] == "step" && line["theta"] != "" { // where it starts, in formats of fewer bits
				s.theta = bits(line["theta"], kind)
			}
			if kind == "" {
				stop(i+1, "a step must follow its run")
			}
			grad := bits(line["grad"], kind)
			if n := len(s.theta); len(grad) != n || len(s.m) != n || len(s.v) != n {
				stop(i+1, "theta, grad and the state must have one length")
			}
			adamw(&s, grad, h, mistake)
			for _, part := range [][]float64{s.theta, s.m, s.v} {
				store(part, kind)
			}
			if off := worst(line, "new.theta", s.theta); off > 1 && !failed[id] {
				failed[id] = true
				fmt.Printf("%s %s: off by %.3g tolerances\n", id, line["t"], off)
			}
		}
		if line["k"] == "alt" && failed[id] && worst(line, "new.theta", s.theta) <= 1 {
			fmt.Printf("  it ends where this one does: %s\n", strings.TrimSpace(line["words"]))
		}
	}
	fmt.Printf("%d of %d cases pass, in float64, float32 and formats of fewer bits\n", cases-len(failed), cases)
	if len(failed) > 0 {
		os.Exit(1)
	}
}
