package localterm

import (
	"os"

	"golang.org/x/sys/windows"
)

// Styled has a terminal take escape sequences for colours. ok is false where it knows none; restore puts it back.
func Styled(f *os.File) (restore func(), ok bool) {
	before, err := change(f, func(m uint32) uint32 {
		return m | windows.ENABLE_PROCESSED_OUTPUT | windows.ENABLE_VIRTUAL_TERMINAL_PROCESSING
	})
	if err != nil {
		return func() {}, false
	}
	return func() { _, _ = change(f, func(uint32) uint32 { return before }) }, true
}
