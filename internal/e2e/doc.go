// Package e2e holds the tests that need the whole program: client and daemon with a real or a failing network between
// them, and the two binaries. It has no code of its own.
package e2e
