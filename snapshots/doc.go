// Package snapshots holds the rules of Snapback: which broker volume a claim is,
// how its snapshots are named and labelled, which of them a claim gets, and
// which may be pruned.
//
// It is pure: it has no client, no clock of its own and no I/O. The webhook and
// the scheduler import it, and never each other.
package snapshots
