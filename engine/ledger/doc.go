// Package ledger decides what a change saved: the baseline that is frozen at approval, the measure of a day against it, and the
// sums over chains of entries. It is pure; package handlers gathers what a day used, and package store keeps the entries.
package ledger
