//go:build unix

package platform

import "rexec/platform/text"

// Encoding is what a command started with s speaks: its locale's, as its
// environment says. What its own start-up files change is not known.
func (s Spec) Encoding() string { return text.ForLocale(s.Env) }
