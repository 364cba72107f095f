package platform

import (
	"strconv"
	"strings"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/registry"

	"rexec/platform/text"
)

var getOEMCP = kernel32.NewProc("GetOEMCP")

// Encoding is what a command started with s speaks: a terminal here speaks
// UTF-8 whatever its programs do, and a console of the command's own begins
// with the code page that its user chose for the program or for all, else
// with the system's OEM code page.
func (s Spec) Encoding() string {
	if s.Terminal != nil {
		return text.UTF8
	}
	page := oemCodePage()
	if file, err := program(s); err == nil {
		page = chosenCodePage(file, page)
	}
	if name, ok := text.ForCodePage(page); ok {
		return name
	}
	return "cp" + strconv.FormatUint(uint64(page), 10)
}

func oemCodePage() uint32 {
	page, _, _ := getOEMCP.Call()
	return uint32(page)
}

// consoleKey is where a user's consoles have their settings: those of one
// program in a key below it, named like its file with _ for \.
const consoleKey = "Console"

func chosenCodePage(file string, otherwise uint32) uint32 {
	if root, err := windows.GetWindowsDirectory(); err == nil && len(file) > len(root) && strings.EqualFold(file[:len(root)], root) {
		file = "%SystemRoot%" + file[len(root):]
	}
	for _, name := range []string{consoleKey + `\` + strings.ReplaceAll(file, `\`, "_"), consoleKey} {
		k, err := registry.OpenKey(registry.CURRENT_USER, name, registry.QUERY_VALUE)
		if err != nil {
			continue
		}
		page, _, err := k.GetIntegerValue("CodePage")
		_ = k.Close()
		if err == nil && page > 0 && page < 1<<16 {
			return uint32(page)
		}
	}
	return otherwise
}
