//go:build !linux

package platform

// AsPid1 does nothing: no system but Linux runs a program as its first process.
func AsPid1() (code int, done bool, err error) { return 0, false, nil }
