package secretfile

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
)

// plainMarks need no quotes in cmd.exe or PowerShell, but letters and digits.
const plainMarks = `\/._-+:~`

// quoted doubles no backslash, as no shell there does, where the path is one
// that there can be.
func quoted(path string) string {
	if path != "" && strings.IndexFunc(path, func(r rune) bool { return r == '"' || !unicode.IsPrint(r) }) < 0 {
		return `"` + path + `"`
	}
	return strconv.Quote(path)
}

// judge decides whether a file's access list keeps others away.
func (a access) judge(path string) error {
	switch {
	case a.owner != "":
		return &Refused{Path: path, Reason: fmt.Sprintf("belongs to %s, who could change it", a.owner), Remedy: "takeown /f " + shown(path)}
	case a.write != "":
		return &Refused{Path: path, Reason: "may be changed by " + a.write, Remedy: closeIt(path)}
	case a.read != "":
		return &Refused{Path: path, Reason: "may be read by " + a.read, Remedy: closeIt(path)}
	}
	return nil
}

// judgeFolder: what is in a folder is closed by itself, but who may
// write to the folder may replace it.
func (a access) judgeFolder(path string) error {
	switch {
	case a.owner != "":
		return &Refused{Path: path, Reason: fmt.Sprintf("belongs to %s, who could replace what is in it", a.owner), Remedy: "takeown /f " + shown(path)}
	case a.write != "":
		return &Refused{Path: path, Reason: fmt.Sprintf("%s may replace what is in it", a.write), Remedy: closeIt(path)}
	}
	return nil
}

// closeIt leaves the system, administrators and whoever types it; the numbers
// are the same in every language.
func closeIt(path string) string {
	return "icacls " + shown(path) + ` /inheritance:r /grant:r *S-1-5-18:F *S-1-5-32-544:F "%USERNAME%:F"`
}
