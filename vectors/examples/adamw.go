// Check an AdamW in Go against its vectors, without a package:  go run adamw.go ../optimizers.adamw.jsonl
// Put your own step in the place of `adamw`. With --mistake eps stands inside the root: a classic mistake.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
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

// bits returns the numbers of a string of bits: 16 hexadecimal digits each.
func bits(text string) []float64 {
	numbers := make([]float64, 0, len(text)/16)
	for ; len(text) >= 16; text = text[16:] {
		wide, _ := strconv.ParseUint(text[:16], 16, 64)
		numbers = append(numbers, math.Float64frombits(wide))
	}
	return numbers
}

func number(line map[string]string, name string) float64 {
	if values := bits(line[name]); len(values) > 0 {
		return values[0]
	}
	return 0
}

// worst returns by how many tolerances numbers are off; infinity where the length is another.
func worst(line map[string]string, name string, got []float64) float64 {
	hi, lo, tol := bits(line[name]), bits(line[name+".lo"]), bits(line[name+".tol"])
	if len(got) != len(hi) {
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
	file, err := os.Open(path)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	scanner := bufio.NewScanner(file)
	cases, failed, count, ended := 0, map[string]bool{}, 0, false
	var s state
	var h hyper
	wide := false
	for scanner.Scan() {
		line := map[string]string{}
		count++
		if json.Unmarshal(scanner.Bytes(), &line) != nil || (count == 1 && line["format"] != "trainspec-vectors/1") {
			fmt.Fprintf(os.Stderr, "line %d: no line of trainspec-vectors/1\n", count)
			os.Exit(2)
		}
		ended = line["k"] == "end" && line["lines"] == strconv.Itoa(count)
		if line["k"] == "call" || line["k"] == "run" {
			if wide = line["dtype"] == "float64"; wide {
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
	if !ended {
		fmt.Fprintf(os.Stderr, "line %d: the file is cut off\n", count)
		os.Exit(2)
	}
	fmt.Printf("%d of %d cases pass in float64\n", cases-len(failed), cases)
	if len(failed) > 0 {
		os.Exit(1)
	}
}
