package screen

import (
	"slices"
	"time"
)

// Finding is one result of a check of the installation.
type Finding struct {
	Check   string
	State   string // problem, warning, skipped or ok
	Subject string // the object that it is about; empty: none
	Message string
	Do      string // what to do about it; empty: nothing
}

// Doctor is the page of what the checks of the installation have found.
type Doctor struct {
	Findings  []Finding // the gravest first, without what is fine
	Fine      []Finding
	Checked   time.Time
	Namespace string // that was checked; empty: all
}

// fine is the state of what is well.
const fine = "ok"

// NewDoctor returns the page of findings, which are sorted.
func NewDoctor(found []Finding, checked time.Time, namespace string) Doctor {
	d := Doctor{Checked: checked, Namespace: namespace}
	for _, f := range found {
		if f.State == fine {
			d.Fine = append(d.Fine, f)
		} else {
			d.Findings = append(d.Findings, f)
		}
	}
	return d
}

// Count returns how many findings have a state.
func (d Doctor) Count(state string) int {
	n := 0
	for _, f := range slices.Concat(d.Findings, d.Fine) {
		if f.State == state {
			n++
		}
	}
	return n
}

// Title returns the page's title.
func (Doctor) Title() string { return "Doctor" }

// Command returns the kubectl command that says the same.
func (d Doctor) Command() string {
	if d.Namespace == "" {
		return "kubectl snapback doctor -A -o wide"
	}
	return "kubectl snapback doctor -n " + d.Namespace + " -o wide"
}
