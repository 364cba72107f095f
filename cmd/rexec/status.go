package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// openStatus opens FILE, emptied, or the descriptor of fd:N, so that what cannot be written is known before anything
// runs.
func openStatus(name string) (*os.File, error) {
	number, isFD := strings.CutPrefix(name, "fd:")
	if !isFD {
		return os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	}
	n, err := strconv.ParseUint(number, 10, 31)
	if err != nil {
		return nil, fmt.Errorf("%q is no descriptor: write fd:3", name)
	}
	f := os.NewFile(uintptr(n), name)
	// Nothing is written; a descriptor that is not open, or only for reading, or the runtime's own, says so.
	if _, err := f.Write(nil); err != nil {
		return nil, fmt.Errorf("%s cannot be written: open it for this program, as in %s>FILE", name, number)
	}
	return f, nil
}
