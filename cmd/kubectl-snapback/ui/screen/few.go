package screen

// fewRows is how many rows are shown of a list that stands beside the one of the page.
const fewRows = 20

// Few are the first rows of a list that has no pages of its own, and how many others
// there are.
type Few[T any] struct {
	Rows   []T
	All    int // rows that were asked for
	Hidden int // rows that were not
}

// More returns how many rows were asked for and are not shown.
func (f Few[T]) More() int { return f.All - len(f.Rows) }

// Total returns how many rows there are.
func (f Few[T]) Total() int { return f.All + f.Hidden }

// few returns the first rows of those that have the text which is asked for.
func few[T any](rows []T, part Part, texts func(T) []string) Few[T] {
	f := Few[T]{}
	for _, row := range rows {
		switch {
		case !part.matches(texts(row)...):
			f.Hidden++
			continue
		case len(f.Rows) < fewRows:
			f.Rows = append(f.Rows, row)
		}
		f.All++
	}
	return f
}
