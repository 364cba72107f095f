//go:build !unix

package main

import "os"

// dieOf does nothing where processes do not die of signals: the exit code has to say it.
func dieOf(os.Signal) {}
