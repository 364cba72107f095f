// Package dropin runs the programs that are built upon ssh, over rexec and over OpenSSH, and compares what came of it. It is
// tests only.
package dropin
