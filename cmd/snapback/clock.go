package main

import "github.com/jonboulle/clockwork"

// clock is the clock of all commands. A binary for chaos runs has one that goes wrong.
var clock = clockwork.NewRealClock()
