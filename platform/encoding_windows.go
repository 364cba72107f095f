package platform

import (
	"strconv"

	"golang.org/x/sys/windows"

	"rexec/platform/text"
)

var getOEMCP = windows.NewLazySystemDLL("kernel32.dll").NewProc("GetOEMCP")

// Encoding is what a command started with s speaks: a terminal here speaks
// UTF-8 whatever its programs do, and a console of the command's own begins
// with the system's OEM code page.
func (s Spec) Encoding() string {
	if s.Terminal != nil {
		return text.UTF8
	}
	page, _, _ := getOEMCP.Call()
	if name, ok := text.ForCodePage(uint32(page)); ok {
		return name
	}
	return "cp" + strconv.FormatUint(uint64(page), 10)
}
