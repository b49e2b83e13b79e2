package screen

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

// perPage is how many rows of a list a page shows.
const perPage = 100

// Part says which part of a screen somebody wants to see. The zero value is the first
// page of everything.
type Part struct {
	Page  int    // of a list, from 1
	Older int    // how many times to go back to older runs
	Only  string // text that the rows must have
	Keep  url.Values
}

// NewPart returns the part that the query of an address asks for. What it does not
// understand is the beginning.
func NewPart(query url.Values) Part {
	number := func(key string) int {
		n, err := strconv.Atoi(query.Get(key))
		if err != nil || n < 0 {
			return 0
		}
		return n
	}
	p := Part{Page: number("page"), Older: number("older"), Only: strings.TrimSpace(query.Get("q")), Keep: url.Values{}}
	if cluster := query.Get("cluster"); cluster != "" {
		p.Keep.Set("cluster", cluster)
	}
	return p
}

// link returns the query of another part.
func (p Part) link(page, older int) string {
	query := url.Values{}
	for key, values := range p.Keep {
		query[key] = values
	}
	if page > 1 {
		query.Set("page", strconv.Itoa(page))
	}
	if older > 0 {
		query.Set("older", strconv.Itoa(older))
	}
	if p.Only != "" {
		query.Set("q", p.Only)
	}
	return "?" + query.Encode()
}

// matches reports whether one of the texts has what is asked for.
func (p Part) matches(texts ...string) bool {
	only := strings.ToLower(p.Only)
	for _, text := range texts {
		if strings.Contains(strings.ToLower(text), only) {
			return true
		}
	}
	return false
}

// Pages says which rows of a list are shown, and where the others are.
type Pages struct {
	From, To, All int // rows, from 1
	Hidden        int // rows that were not asked for
	Only          string
	Previous      string // query of the page before; empty: there is none
	Next          string
	Keep          url.Values // other fields of the query
}

// Says returns in words which rows are shown.
func (p Pages) Says(what string) string {
	said := fmt.Sprintf("%d to %d of %d %s", p.From, p.To, p.All, what)
	switch {
	case p.All == 0:
		said = "no " + what
	case p.To-p.From+1 == p.All:
		said = fmt.Sprintf("all %d %s", p.All, what)
	}
	if p.Only != "" {
		said += fmt.Sprintf(" with “%s”; %d others are not shown", p.Only, p.Hidden)
	}
	return said
}

// paged returns the rows of one page; the last one if there are not as many.
func paged[T any](rows []T, all int, part Part) ([]T, Pages) {
	page := min(max(part.Page, 1), max((len(rows)+perPage-1)/perPage, 1))
	from := (page - 1) * perPage
	to := min(from+perPage, len(rows))
	p := Pages{From: min(from+1, len(rows)), To: to, All: len(rows), Hidden: all - len(rows), Only: part.Only, Keep: part.Keep}
	if page > 1 {
		p.Previous = part.link(page-1, part.Older)
	}
	if to < len(rows) {
		p.Next = part.link(page+1, part.Older)
	}
	return rows[from:to], p
}
