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

const largestFile = 256000

func stop(line int, why string) {
	fmt.Fprintf(os.Stderr, "line %d: %s\n", line, why)
	os.Exit(2)
}

// readLines returns the lines of a file; what is none, or not in its place, ends the program.
func readLines(path string) []map[string]string {
	file, _ := os.Open(path)
	data, err := io.ReadAll(io.LimitReader(file, largestFile+1))
	if err != nil || len(data) > largestFile || !strings.HasSuffix(string(data), "\n") {
		stop(0, "there is no such file, or it is cut off, or larger than 256000 bytes")
	}
	texts, steps := strings.Split(strings.TrimSuffix(string(data), "\n"), "\n"), 0
	lines := make([]map[string]string, len(texts))
	for i, text := range texts {
		if len(text) > 65536 || strings.Contains(text, "\\") || json.Unmarshal([]byte(text), &lines[i]) != nil {
			stop(i+1, "must be an object of strings of at most 65536 bytes")
		}
		if steps++; lines[i]["k"] != "step" {
			steps = 0
		}
		isEnd := lines[i]["k"] == "end" && lines[i]["lines"] == strconv.Itoa(i+1)
		if i == 0 && lines[i]["format"] != "trainspec-vectors/1" {
			stop(1, "must be the head of a file of format trainspec-vectors/1")
		} else if steps > 0 && lines[i]["t"] != strconv.Itoa(steps) || isEnd != (i == len(texts)-1) {
			stop(i+1, "lines are missing, or in another order")
		}
	}
	return lines
}

// bits returns the numbers of a string of bits, 16 hexadecimal digits each; NaN, which no tolerance admits, where they are none.
func bits(text string) []float64 {
	numbers := make([]float64, len(text)/16)
	for i := range numbers {
		wide, err := strconv.ParseUint(text[16*i:16*i+16], 16, 64)
		if numbers[i] = math.Float64frombits(wide); err != nil {
			numbers[i] = math.NaN()
		}
	}
	return numbers
}

// --- the comparison ---

func number(line map[string]string, name string) float64 {
	if values := bits(line[name]); len(values) > 0 {
		return values[0]
	}
	return 0
}

// worst returns by how many tolerances numbers are off; infinity where the length is another.
func worst(line map[string]string, name string, got []float64) float64 {
	hi, lo, tol := bits(line[name]), bits(line[name+".lo"]), bits(line[name+".tol"])
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
	cases, others, failed := 0, 0, map[string]bool{}
	var s state
	var h hyper
	wide := false
	for _, line := range lines {
		if line["k"] == "call" || line["k"] == "run" {
			if wide = line["dtype"] == "float64"; !wide {
				others++
			} else {
				cases++
				h = hyper{0, number(line, "beta1"), number(line, "beta2"), number(line, "eps"), number(line, "eps_root"), number(line, "weight_decay")}
				theta := bits(line["theta"])
				s = state{theta, make([]float64, len(theta)), make([]float64, len(theta)), 0}
			}
		}
		if !wide {
			continue
		}
		id := line["id"] + line["of"]
		if line["k"] == "call" {
			s.m, s.v = bits(line["state.m"]), bits(line["state.v"])
			s.t, _ = strconv.Atoi(line["state.t"])
		}
		if line["k"] == "call" || line["k"] == "step" {
			h.lr = number(line, "lr")
			adamw(&s, bits(line["grad"]), h, mistake)
			if off := worst(line, "new.theta", s.theta); off > 1 && !failed[id] {
				failed[id] = true
				fmt.Printf("%s %s: off by %.3g tolerances\n", id, line["t"], off)
			}
		}
		if line["k"] == "alt" && failed[id] && worst(line, "new.theta", s.theta) <= 1 {
			fmt.Printf("  it ends where this one does: %s\n", strings.TrimSpace(line["words"]))
		}
	}
	fmt.Printf("%d of %d cases pass in float64; %d in other formats are left out\n", cases-len(failed), cases, others)
	if len(failed) > 0 {
		os.Exit(1)
	}
}
