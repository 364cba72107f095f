//go:build !windows

package localterm

import "os"

// Styled has a terminal take escape sequences for colours. ok is false where it knows none; restore puts it back.
func Styled(*os.File) (restore func(), ok bool) { return func() {}, true }
