//go:build !windows

package platform

// AsBreaker does nothing: signals need no process here.
func AsBreaker([]string) (code int, done bool) { return 0, false }
