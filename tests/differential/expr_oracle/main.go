// expr_oracle < LINES: what expr-lang 1.17.8, in the environment that Argo Rollouts gives it, says of conditions.
// A line is RESULT, a tab and the condition, as for condition_file. Build: GOTOOLCHAIN=local go build .
package main

import (
	"bufio"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/file"
	"reflect"
)

func asInt(in any) int64 {
	switch i := in.(type) {
	case float64:
		return int64(i)
	case int64:
		return i
	case int:
		return int64(i)
	case string:
		n, err := strconv.ParseInt(i, 10, 64)
		if err == nil {
			return n
		}
		panic(err)
	}
	panic(fmt.Sprintf("asInt() not supported on %v %v", reflect.TypeOf(in), in))
}
func asFloat(in any) float64 {
	switch i := in.(type) {
	case float64:
		return i
	case int64:
		return float64(i)
	case int:
		return float64(i)
	case string:
		n, err := strconv.ParseFloat(i, 64)
		if err == nil {
			return n
		}
		panic(err)
	}
	panic(fmt.Sprintf("asFloat() not supported on %v %v", reflect.TypeOf(in), in))
}

func eval(result any, cond string) (any, error) {
	env := map[string]any{
		"result": result, "asInt": asInt, "asFloat": asFloat, "isNaN": math.IsNaN,
		"isInf":   func(f float64) bool { return math.IsInf(f, 0) },
		"isNil":   func(any) bool { return false },
		"default": func(a any, b any) any { return result },
	}
	p, err := expr.Compile(cond, expr.Env(env))
	if err != nil {
		return nil, err
	}
	return expr.Run(p, env)
}

func main() {
	sc := bufio.NewScanner(os.Stdin)
	sc.Buffer(make([]byte, 1<<20), 1<<20)
	for sc.Scan() {
		parts := strings.SplitN(sc.Text(), "\t", 2)
		if len(parts) != 2 {
			continue
		}
		var result any
		body := parts[0][2:]
		if parts[0][0] == 's' {
			result, _ = strconv.ParseFloat(body, 64)
		} else {
			list := []float64{}
			for _, w := range strings.Split(body, ",") {
				if w != "" {
					f, _ := strconv.ParseFloat(w, 64)
					list = append(list, f)
				}
			}
			result = list
		}
		out, err := eval(result, parts[1])
		if err != nil {
			msg := err.Error()
			if fe, ok := err.(*file.Error); ok {
				msg = fe.Message
			}
			fmt.Printf("error: %s\n", strings.ReplaceAll(msg, "\n", " "))
			continue
		}
		switch v := out.(type) {
		case bool:
			fmt.Printf("%v\n", v)
		default:
			fmt.Printf("other: %T %v\n", v, v)
		}
	}
}
