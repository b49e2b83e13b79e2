package main

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// header prints the head of a Markdown table.
func header(w io.Writer, columns ...string) {
	fmt.Fprintf(w, "| %s |\n|%s\n", strings.Join(columns, " | "), strings.Repeat(" --- |", len(columns)))
}

// row prints a row of a Markdown table: texts as they are, numbers in three digits.
func row(w io.Writer, cells ...any) {
	said := make([]string, len(cells))
	for i, c := range cells {
		switch c := c.(type) {
		case float64:
			said[i] = number(c)
		case time.Duration:
			said[i] = number(c.Seconds())
		default:
			said[i] = fmt.Sprint(c)
		}
	}
	fmt.Fprintf(w, "| %s |\n", strings.Join(said, " | "))
}

// number has as many decimals as say something.
func number(n float64) string {
	switch {
	case n >= 100:
		return fmt.Sprintf("%.0f", n)
	case n >= 10:
		return fmt.Sprintf("%.1f", n)
	}
	return fmt.Sprintf("%.2f", n)
}

// aim is what was to be reached, and what was.
type aim struct {
	what, measured string
	met            bool
}

// atMost is an aim that a number must not exceed.
func atMost(limit, measured float64, unit, what string) aim {
	return aim{fmt.Sprintf("%s at most %g%s", what, limit, unit), number(measured) + unit, measured <= limit}
}

// atLeast is an aim that a number must reach.
func atLeast(limit, measured float64, unit, what string) aim {
	return aim{fmt.Sprintf("%s at least %g%s", what, limit, unit), number(measured) + unit, measured >= limit}
}

func printAims(w io.Writer, aims ...aim) {
	header(w, "aim", "measured, the worst", "")
	for _, a := range aims {
		verdict := "missed"
		if a.met {
			verdict = "met"
		}
		row(w, a.what, a.measured, verdict)
	}
}
