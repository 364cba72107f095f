//go:build unix

package main

import (
	"context"
	"fmt"
	"os"

	"rexec/client"
	"rexec/internal/fleet"
	"rexec/internal/invoke"
)

// crash is a program that panics as its argument says, with a status to write to descriptor 1.
func crash() {
	inv := &invocation{std: stdio{err: os.Stderr}, report: invoke.Options{Host: "box", Stderr: os.Stderr, Status: os.Stdout}}
	switch os.Args[1] {
	case "main":
		os.Exit(func() (code int) {
			defer inv.crashed(&code)
			panic("boom")
		}())
	case "goroutine":
		go func() {
			defer inv.guard(func() { fmt.Fprintln(os.Stderr, "restored") })()
			panic("boom")
		}()
		<-context.Background().Done()
	case "fleet": // one of two hosts
		run := fleet.Run{Guard: inv.guard(func() {}), Hosts: make([]fleet.Host, 2),
			Command: func(context.Context, *client.Client, fleet.Host) *client.Cmd { panic("boom") }}
		run.Do(context.Background())
	}
}
