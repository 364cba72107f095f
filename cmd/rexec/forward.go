package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"sync"
	"syscall"

	"rexec/client"
	"rexec/internal/forward"
	"rexec/internal/invoke"
	"rexec/internal/sshopt"
)

// stay is -N: a connection, with whatever is forwarded through it, until a signal ends it.
func (inv *invocation) stay(ctx context.Context, c *client.Client, signals <-chan os.Signal) int {
	return inv.until(ctx, c, signals, func(ctx context.Context) error {
		if err := c.Connect(ctx); err != nil {
			return err
		}
		if err := c.Wait(); err != nil {
			return fmt.Errorf("the connection is lost: %w", err)
		}
		return nil
	})
}

// forwardStdio is -W: this process's own input and output are one connection that the daemon makes.
func (inv *invocation) forwardStdio(ctx context.Context, c *client.Client, signals <-chan os.Signal) int {
	to := net.JoinHostPort(inv.line.Stdio.Host, strconv.Itoa(inv.line.Stdio.Port))
	return inv.until(ctx, c, signals, func(ctx context.Context) error {
		far, err := c.Forward(ctx, to, "stdin and stdout")
		if err != nil {
			return err
		}
		inv.trace("the daemon is connected to %s", far.Address())
		in := inv.std.in
		if inv.line.NoStdin {
			if in, err = os.Open(os.DevNull); err != nil {
				return err
			}
			defer in.Close()
		}
		err = forward.Join(forward.Stdio{In: in, Out: inv.std.out}, far, inv.guard(func() {}))
		if errors.Is(err, syscall.EPIPE) {
			return nil // who read the output has enough
		}
		return err
	})
}

// until runs f until it returns or a signal comes, whose death this process then dies.
func (inv *invocation) until(ctx context.Context, c *client.Client, signals <-chan os.Signal, f func(context.Context) error) int {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan error, 1)
	go func() {
		defer inv.guard(func() {})()
		done <- f(ctx)
	}()
	select {
	case err := <-done:
		return inv.fail(err)
	case s := <-signals:
		cancel()
		closeSoon(c)
		code := invoke.Fail(&invoke.Interrupted{Signal: s}, inv.report)
		dieOf(s)
		return code
	}
}

// tunnels are the listeners of -L and -D, and the connections that came through them.
type tunnels struct {
	client  *client.Client
	cancel  context.CancelFunc // takes no more
	serving sync.WaitGroup
}

// forwards listens. An error is one that the whole attempt is to fail with; what cannot be listened on is otherwise only
// said, as in ssh. The caller closes what it gets, also with an error.
func (inv *invocation) forwards(ctx context.Context, c *client.Client, guard func()) (*tunnels, error) {
	t := &tunnels{client: c}
	ctx, t.cancel = context.WithCancel(ctx)
	for _, l := range inv.line.Listens {
		listeners, err := listen(l)
		if err != nil {
			err = fmt.Errorf("option %s: %w", l.From, err)
			if inv.line.ExitOnForwardFailure {
				return t, err
			}
			if !inv.report.Quiet {
				inv.warn("%v; going on without", err)
			}
			continue
		}
		for _, nl := range listeners {
			inv.trace("listening on %s", nl.Addr())
			f := forward.Listener{Net: nl, Address: l.To, Dial: dialThrough(c), Guard: guard, Report: func(err error) {
				if !inv.report.Quiet {
					inv.warn("option %s: %v", l.From, err)
				}
			}}
			t.serving.Go(func() {
				defer guard()
				f.Serve(ctx)
			})
		}
	}
	return t, nil
}

// drain takes no more connections and waits for those that are there, as ssh does when its command has ended, until a
// signal comes.
func (t *tunnels) drain(signals <-chan os.Signal) {
	t.cancel()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		t.serving.Wait()
	}()
	select {
	case <-ended:
	case <-signals:
	}
}

// close ends all of them.
func (t *tunnels) close() {
	t.cancel()
	closeSoon(t.client)
	t.serving.Wait()
}

// listen opens the first address, and of the others what can be opened.
func listen(l sshopt.Listen) ([]net.Listener, error) {
	var all []net.Listener
	for i, address := range l.Bind {
		nl, err := net.Listen("tcp", address)
		if err != nil {
			if i == 0 {
				return nil, err
			}
			continue
		}
		all = append(all, nl)
	}
	return all, nil
}

func dialThrough(c *client.Client) forward.Dial {
	return func(ctx context.Context, address, origin string) (forward.Far, error) {
		far, err := c.Forward(ctx, address, origin)
		var refused *client.RefusedError
		switch {
		case errors.As(err, &refused):
			return nil, fmt.Errorf("%w: %w", forward.ErrNotAllowed, err)
		case err != nil:
			return nil, err // not a nil *client.Conn in an interface
		}
		return far, nil
	}
}
