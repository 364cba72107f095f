// Command shared is a client with a terminal and, if asked, a bulk transfer beside it on the same connection, for bench/compare.
//
// It leaves the measuring to who started it: what comes on stdin is typed on the terminal, what the terminal shows goes to
// stdout, and the bulk goes nowhere; at the end its size and time stand on stderr.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"rexec/client"
	"rexec/frame"
	"rexec/hmacauth"
)

func main() {
	token := flag.String("token", "", "file with a token")
	user := flag.String("user", "", "whom the commands run as")
	load := flag.String("load", "", "command whose output is the bulk; it is run again until the terminal's command ends; empty: none")
	flag.Parse()
	if err := run(*token, *user, *load, strings.Join(flag.Args(), " ")); err != nil {
		fmt.Fprintln(os.Stderr, "shared:", err)
		os.Exit(1)
	}
}

func run(file, user, load, line string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	tok, err := hmacauth.ParseToken(strings.TrimSpace(string(text)))
	if err != nil {
		return err
	}
	cfg, err := client.FromToken(tok, "")
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	c, err := client.Dial(ctx, cfg)
	if err != nil {
		return err
	}
	defer c.Close()
	bulk := make(chan error, 1)
	if load == "" {
		bulk <- nil
	} else {
		go func() { bulk <- transfer(ctx, c, user, load) }()
	}
	cmd := c.Shell(ctx, line)
	cmd.User, cmd.Stdin, cmd.Stdout = user, os.Stdin, os.Stdout
	cmd.Terminal = &frame.Terminal{Term: "xterm", Size: frame.Size{Rows: 24, Cols: 80}}
	err = cmd.Run()
	stop()
	return errors.Join(err, <-bulk)
}

// transfer moves a command's output to nowhere, again and again until ctx ends.
func transfer(ctx context.Context, c *client.Client, user, line string) error {
	var moved counter
	began := time.Now()
	for ctx.Err() == nil {
		cmd := c.Shell(ctx, line)
		cmd.User, cmd.Stdout = user, &moved
		if err := cmd.Run(); err != nil && ctx.Err() == nil {
			return err
		}
	}
	_, err := fmt.Fprintf(os.Stderr, "moved %d bytes in %d ms\n", moved, time.Since(began).Milliseconds())
	return err
}

// counter counts what is written to it.
type counter int64

var _ io.Writer = (*counter)(nil)

func (n *counter) Write(p []byte) (int, error) {
	*n += counter(len(p))
	return len(p), nil
}
