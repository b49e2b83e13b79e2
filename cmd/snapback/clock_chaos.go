//go:build chaos

package main

import (
	"os"

	wrongclock "github.com/snapback-dev/snapback/e2e/chaos/clock"
)

func init() {
	if file := os.Getenv(wrongclock.Variable); file != "" {
		clock = wrongclock.Wrong(clock, file)
	}
}
