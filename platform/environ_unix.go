//go:build unix

package platform

// DefaultPath is PATH where nobody names another.
const DefaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// Environ is what every command's environment begins with: nothing.
func Environ() ([]string, error) { return nil, nil }
