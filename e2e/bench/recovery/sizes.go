package main

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// copies is how often the data is on the disk at most: the volumes of two
// brokers, and a snapshot of each.
const copies = 4

// sizes is a flag: GB, with commas.
type sizes []float64

// String writes the flag as it is given.
func (s *sizes) String() string {
	words := make([]string, len(*s))
	for i, size := range *s {
		words[i] = fmt.Sprint(size)
	}
	return strings.Join(words, ",")
}

// Set reads the flag.
func (s *sizes) Set(text string) error {
	*s = nil
	for word := range strings.SplitSeq(text, ",") {
		size, err := strconv.ParseFloat(strings.TrimSpace(word), 64)
		if err != nil || !(size > 0) {
			return fmt.Errorf("%q is no number of GB", word)
		}
		*s = append(*s, size)
	}
	return nil
}

// fit divides the sizes into those that the disk has room for, and texts that say
// why the others are left out. All numbers but the percentage are GB.
func fit(all sizes, percent, free, keep float64) (fitting sizes, leftOut []string) {
	for _, size := range all {
		need := copies * size * (1 + percent/100)
		if need+keep <= free {
			fitting = append(fitting, size)
			continue
		}
		leftOut = append(leftOut, fmt.Sprintf("left out: %g GB needs %.1f GB of disk (the volumes of two brokers and their snapshots) beside the %g GB that stay free, and %.1f GB are free",
			size, need, keep, free))
	}
	return fitting, leftOut
}

// config is a flag: settings of Kafka.
type config map[string]string

// String writes the flag as it is given.
func (c config) String() string {
	var words []string
	for _, key := range slices.Sorted(maps.Keys(c)) {
		words = append(words, key+"="+c[key])
	}
	return strings.Join(words, ",")
}

// Set reads the flag.
func (c config) Set(text string) error {
	for word := range strings.SplitSeq(text, ",") {
		key, value, ok := strings.Cut(strings.TrimSpace(word), "=")
		if !ok || key == "" {
			return fmt.Errorf("%q is not key=value", word)
		}
		c[key] = value
	}
	return nil
}

// also says what is set, after other words.
func (c config) also() string {
	if len(c) == 0 {
		return ""
	}
	return "; " + c.String()
}
