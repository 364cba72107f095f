//go:build !unix

package main

import "errors"

func (inv *invocation) goBackground() int {
	return inv.fail(errors.New("option -f: this system has no going into the background like that: use start /b"))
}

func inBackground(*stdio) (connected func(), is bool) { return nil, false }
