package policy

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"
)

func TestSem22_UsualVariablesPass(t *testing.T) {
	for _, name := range []string{"LANG", "LC_ALL", "LC_CTYPE", "LC_", "GIT_PROTOCOL"} {
		assert.True(t, AllowEnv(nil, name, false), name)
	}
	for _, name := range []string{"", "LANGUAGE", "lang", "XLANG", "LC", "TERM", "FOO", "GIT_DIR"} {
		assert.False(t, AllowEnv(nil, name, false), name)
	}
	assert.True(t, AllowEnv(nil, "TERM", true), "with a terminal")
	assert.False(t, AllowEnv(nil, "TERMINAL", true))
}

func TestSem22_PatternsLetMoreThrough(t *testing.T) {
	patterns := []string{"TZ", "APP_*", "V?"}
	for _, name := range []string{"TZ", "APP_", "APP_X", "V1"} {
		assert.True(t, AllowEnv(patterns, name, false), name)
	}
	for _, name := range []string{"TZX", "APP", "XAPP_", "V", "V12", "tz"} {
		assert.False(t, AllowEnv(patterns, name, false), name)
	}
}

func TestSem22_NothingOpensTheRest(t *testing.T) {
	patterns := []string{"*", "PATH", "LD_PRELOAD", "?OME"}
	for _, name := range []string{
		"LD_PRELOAD", "ComSpec", "SystemRoot", "LD_LIBRARY_PATH", "DYLD_INSERT_LIBRARIES", "BASH_ENV", "ENV", "PATH", "HOME", "USER", "LOGNAME",
		"SHELL", "REXEC_SESSION", "REXEC_KEY_ID", "SSH_CONNECTION", "SSH_ORIGINAL_COMMAND", "Path", "ld_preload",
		"BASH_FUNC_ls%%", "SHELLOPTS", "BASHOPTS", "PS4", "", "A=B", "=", "A\nB", "A\x00", "\xff",
	} {
		assert.False(t, AllowEnv(patterns, name, true), "%q", name)
	}
	for _, name := range []string{"PATHS", "HOMEPAGE", "ENVIRONMENT", "USERS", "LDX", "SSHX", "PS1"} {
		assert.True(t, AllowEnv(patterns, name, false), name)
	}
}

func TestSem22_WhatIsNeverAllowedStaysSo(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tail := rapid.String().Draw(t, "tail")
		prefix := rapid.SampledFrom([]string{"LD_", "DYLD_", "REXEC_", "SSH_"}).Draw(t, "prefix")
		assert.False(t, AllowEnv([]string{"*", prefix + "*", prefix + tail}, prefix+tail, true))
	})
}
