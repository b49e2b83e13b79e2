// Package snapshots is the domain of Snapback: which broker volume a claim is,
// how its snapshots are named and labelled, which of them a claim gets, and
// which may be pruned.
//
// It is pure: no client, no clock of its own, no I/O. The webhook and the
// scheduler stand on it and never on each other.
package snapshots
